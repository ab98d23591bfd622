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
// concurrent use, also by several processes.
type Folder struct {
	Path      string // absolute
	Host      string
	Inventory string
	Origin    string
	Tool      string                             // version of this program, for the manifests
	QEMUImg   qemuimg.Tool                       // needed by Publish only
	Group     func(context.Context) (int, error) // that QEMU runs with; asked by Publish and Mend only
	Digest    func(path string) (string, error)  // sha256 of a file in hex, perhaps remembered
	// Boot starts a guest on a throw-away overlay of an image that is to be
	// published, and fails unless it comes up. Needed by Publish only.
	Boot func(context.Context, Canary) error
}

func (f *Folder) path(name string) string { return filepath.Join(f.Path, name) }

// errNotRegular is returned for what is not a regular file: we make no other.
var errNotRegular = errors.New("not a regular file")

// stat looks at a file that must be a regular one. Every way to a file leads
// through here: what a domain says of itself may be forged, and lead elsewhere.
func (f *Folder) stat(name string) (os.FileInfo, error) {
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("%q is not the name of a file in %s", name, f.Path)
	}
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
	seen, err := f.stat(name)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(f.path(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err == nil && !os.SameFile(seen, opened) {
		err = fmt.Errorf("%s was replaced while it was looked at", f.path(name))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// remove unlinks a regular file; one that is gone is no error.
func (f *Folder) remove(name string) error {
	_, err := f.stat(name)
	if err == nil {
		err = os.Remove(f.path(name))
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
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

// lock keeps others from publishing or removing golden images until the
// returned function is called, or this process dies. An image and its manifest
// have two names: without it, two that publish the same generation at once
// could leave the image of one with the manifest of the other.
func (f *Folder) lock() (unlock func() error, err error) {
	dir, err := os.Open(f.Path)
	if err != nil {
		return nil, fmt.Errorf("open the pool's folder: %w", err)
	}
	if err := flock(dir, unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the pool's folder: %w", err), dir.Close())
	}
	return dir.Close, nil
}

func flock(file *os.File, how int) error {
	for {
		if err := unix.Flock(int(file.Fd()), how); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
