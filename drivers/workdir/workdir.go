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
	if err := errors.Join(os.MkdirAll(filepath.Dir(f.Path), 0o700), os.MkdirAll(f.Path, 0o711)); err != nil {
		return nil, fmt.Errorf("make a working folder: %w", err)
	}
	for {
		path, err := os.MkdirTemp(f.Path, f.prefix())
		if err != nil {
			return nil, fmt.Errorf("make a working folder: %w", err)
		}
		dir, err := open(path, unix.LOCK_EX)
		if err == nil && dir.named() {
			return dir, nil
		}
		if err == nil { // a sweep took it for a dead one before it was locked
			err = dir.File.Close()
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("lock a working folder: %w", err), os.RemoveAll(path))
		}
	}
}

// named tells whether the folder still has its name.
func (d *Dir) named() bool {
	opened, err := d.File.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(d.File.Name())
	return err == nil && os.SameFile(opened, there)
}

func open(path string, how int) (*Dir, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), how); err != nil {
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
// folder that [Folder.Path] lies in, and gives its path. From then on everything
// beside it must protect itself: others can open what they know the names of.
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
		dir, openErr := open(filepath.Join(f.Path, entry.Name()), unix.LOCK_EX|unix.LOCK_NB)
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
