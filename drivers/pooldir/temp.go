package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Temporary files are named .pcloud-<inventory>.<random>.tmp. Names of
// inventories have no dot, so that one inventory's files are never another's.
func (f *Folder) tempPrefix() string { return ".pcloud-" + f.Inventory + "." }

const tempSuffix = ".tmp"

func (f *Folder) isTemp(name string) bool {
	return strings.HasPrefix(name, f.tempPrefix()) && strings.HasSuffix(name, tempSuffix)
}

// temp is a file on its way to a final name. Its writer, and the tools that it
// runs, hold a lock on it: one that nobody holds was left by a killed run.
type temp struct {
	*os.File
	folder *Folder
}

func (f *Folder) newTemp() (*temp, error) {
	file, err := os.CreateTemp(f.Path, f.tempPrefix()+"*"+tempSuffix) // exclusive, 0600
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	t := &temp{file, f}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), t.discard())
	}
	return t, nil
}

// discard closes the file and removes it, unless it was renamed.
func (t *temp) discard() error {
	err := t.Close()
	if removed := os.Remove(t.Name()); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// settle gives the file its mode and group and makes its content durable.
func (t *temp) settle(mode os.FileMode, group int) error {
	if os.Geteuid() == 0 {
		if err := t.Chown(0, group); err != nil {
			return fmt.Errorf("set owner: %w", err)
		}
	}
	if err := t.Chmod(mode); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	if err := t.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
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
	return nil
}

func errTaken(path string) error {
	return fmt.Errorf("%s exists already, but not as a golden image of this inventory: move it away", path)
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

// dead tells whether a temporary file has no living writer.
func (f *Folder) dead(name string) (bool, error) {
	file, err := f.open(name)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotRegular) {
		return false, nil // gone, or not made by us
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	err = unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// RemoveLeftover implements apply.Files.
func (f *Folder) RemoveLeftover(_ context.Context, name string) error {
	if !f.isTemp(name) || strings.Contains(name, "/") {
		return fmt.Errorf("%q is no temporary file of inventory %s", name, f.Inventory)
	}
	dead, err := f.dead(name)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(f.path(name)); !dead && err == nil {
		return fmt.Errorf("%s is in use", f.path(name))
	}
	return f.remove(name)
}
