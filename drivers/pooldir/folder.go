// Package pooldir keeps the files of a dir pool on this machine: golden images
// with their manifests, seeds, and the temporary files on the way to them.
//
// Every file is a direct child of the pool's folder, is reached without
// following a symbolic link, and has a name of our own grammar. What a final
// name holds is complete: files are filled under a temporary name and renamed.
package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qemuimg"
)

// Folder is the folder of a pool, seen for one inventory. It is safe for
// concurrent use.
type Folder struct {
	Path      string // absolute
	Host      string
	Inventory string
	Origin    string
	Tool      string // version of this program, for the manifests
	QEMUImg   qemuimg.Tool
	Group     func(context.Context) (int, error) // that QEMU runs with; must be able to read images
	Digest    func(path string) (string, error)  // sha256 of a file, perhaps remembered
}

func (f *Folder) path(name string) string { return filepath.Join(f.Path, name) }

// errNotRegular is returned for what is not a regular file: we make no other.
var errNotRegular = errors.New("not a regular file")

// stat looks at a file that must be a regular one.
func (f *Folder) stat(name string) (os.FileInfo, error) {
	info, err := os.Lstat(f.path(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", f.path(name), errNotRegular)
	}
	return info, nil
}

// open opens a regular file for reading. A pipe or a device would block or act.
func (f *Folder) open(name string) (*os.File, error) {
	if _, err := f.stat(name); err != nil {
		return nil, err
	}
	return os.OpenFile(f.path(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// sync makes renames and removals durable.
func (f *Folder) sync() error {
	dir, err := os.Open(f.Path)
	if err != nil {
		return fmt.Errorf("open the pool's folder: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("flush the pool's folder: %w", err)
	}
	return nil
}

// remove unlinks a file; one that is gone is no error.
func (f *Folder) remove(name string) error {
	if err := os.Remove(f.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}
