// Package workdir keeps folders for the intermediate files of builds. A build
// holds a lock on its folder; one that nobody holds was left by a killed run.
package workdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Folder is where the folders of one inventory's builds are made. It is safe
// for concurrent use, also by several processes.
type Folder struct {
	Path      string // absolute; made when it is needed, in a folder that is this program's own
	Inventory string
}

// Names of inventories have no dot, so that one's folders are never another's.
func (f Folder) prefix() string { return f.Inventory + "." }

// Dir is one build's folder. Children that inherit File keep its lock.
type Dir struct{ File *os.File }

// New makes an empty folder, locked. It has to be closed.
func (f Folder) New() (*Dir, error) {
	if err := os.MkdirAll(f.Path, 0o711); err != nil {
		return nil, fmt.Errorf("make a working folder: %w", err)
	}
	path, err := os.MkdirTemp(f.Path, f.prefix())
	if err != nil {
		return nil, fmt.Errorf("make a working folder: %w", err)
	}
	dir, err := open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock a working folder: %w", err), os.RemoveAll(path))
	}
	return dir, nil
}

func open(path string) (*Dir, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Dir{file}, nil
}

// Sub makes an empty folder in it and gives its path.
func (d *Dir) Sub(name string) (string, error) {
	path := filepath.Join(d.File.Name(), name)
	return path, os.Mkdir(path, 0o700)
}

// Open makes an empty folder that QEMU's user can reach, if it can reach the
// folder that [Folder.Path] lies in, and gives its path. Its files can be opened
// by all who know their names.
func (d *Dir) Open(name string) (string, error) {
	path := filepath.Join(d.File.Name(), name)
	if err := os.Mkdir(path, 0o711); err != nil {
		return "", err
	}
	all := filepath.Dir(d.File.Name())
	for _, folder := range []string{filepath.Dir(all), all, d.File.Name(), path} {
		if err := os.Chmod(folder, 0o711); err != nil {
			return "", fmt.Errorf("open a working folder to QEMU: %w", err)
		}
	}
	return path, nil
}

// Close removes the folder with all that is in it.
func (d *Dir) Close() error {
	return errors.Join(os.RemoveAll(d.File.Name()), d.File.Close())
}

// Sweep removes the folders of runs that are dead.
func (f Folder) Sweep() error {
	entries, err := os.ReadDir(f.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), f.prefix()) {
			continue
		}
		dir, openErr := open(filepath.Join(f.Path, entry.Name()))
		switch {
		case errors.Is(openErr, unix.EWOULDBLOCK), errors.Is(openErr, os.ErrNotExist): // at work, or just gone
		case openErr != nil:
			err = errors.Join(err, openErr)
		default:
			err = errors.Join(err, dir.Close())
		}
	}
	return err
}
