package pooldir

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"
)

// Temporary files are named .pcloud-<inventory>.<random>.tmp. Names of
// inventories have no dot, so that one inventory's files are never another's.
func (f *Folder) tempPrefix() string { return ".pcloud-" + f.Inventory + "." }

var tempRest = regexp.MustCompile(`^[a-z0-9]+\.tmp$`)

func (f *Folder) isTemp(name string) bool {
	rest, ours := strings.CutPrefix(name, f.tempPrefix())
	return ours && tempRest.MatchString(rest)
}

// temp is a file on its way to a final name. Its writer, and the tools that it
// runs, hold an exclusive lock on it: one that nobody holds was left by a
// killed run.
type temp struct {
	*os.File
	folder  *Folder
	renamed bool
}

func (f *Folder) newTemp() (*temp, error) {
	for {
		file, err := os.CreateTemp(f.Path, f.tempPrefix()+"*.tmp") // exclusive, 0600
		if err != nil {
			return nil, fmt.Errorf("make a temporary file: %w", err)
		}
		t := &temp{File: file, folder: f}
		if err := flock(file, unix.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), t.discard())
		}
		if f.is(file) {
			return t, nil
		}
		// Before it was locked, somebody took it for a leftover: once more.
		if err := file.Close(); err != nil {
			return nil, fmt.Errorf("close a temporary file: %w", err)
		}
	}
}

// is tells whether the file's name still leads to it.
func (f *Folder) is(file *os.File) bool {
	named, err := os.Lstat(file.Name())
	opened, openedErr := file.Stat()
	return err == nil && openedErr == nil && os.SameFile(named, opened)
}

// discard removes the file, unless it was renamed, and closes it: in this
// order nobody sees it unlocked.
func (t *temp) discard() error {
	var err error
	if !t.renamed {
		err = os.Remove(t.Name())
	}
	return errors.Join(err, t.Close())
}

// settle gives the file its owner and mode and makes its content durable.
func (t *temp) settle(mode os.FileMode, group int) error {
	if err := own(t.File, mode, group); err != nil {
		return err
	}
	if err := t.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// own sets the mode whatever the umask is. Who is not root keeps the files.
func own(file *os.File, mode os.FileMode, group int) error {
	if os.Geteuid() == 0 {
		if err := file.Chown(0, group); err != nil {
			return fmt.Errorf("set owner: %w", err)
		}
	}
	if err := file.Chmod(mode); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	return nil
}

// replace renames the file over a final name that only we write.
func (t *temp) replace(name string) error {
	if _, err := t.folder.stat(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(t.Name(), t.folder.path(name)); err != nil {
		return fmt.Errorf("rename to final name: %w", err)
	}
	t.renamed = true
	return nil
}

// publish renames the file to a final name that must be free.
func (t *temp) publish(name string) error {
	target := t.folder.path(name)
	err := unix.Renameat2(unix.AT_FDCWD, t.Name(), unix.AT_FDCWD, target, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		return errTaken(target)
	}
	if err != nil {
		return fmt.Errorf("rename to final name: %w", err)
	}
	t.renamed = true
	return nil
}

// write makes a small file under its final name. Its content is durable before
// its name is; a caller that needs the name to last flushes the folder.
func (f *Folder) write(name string, content []byte, mode os.FileMode) (err error) {
	t, err := f.newTemp()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.discard()) }()
	if _, err := t.Write(content); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := t.settle(mode, 0); err != nil {
		return err
	}
	return t.replace(name)
}
