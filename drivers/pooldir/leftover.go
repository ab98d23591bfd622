package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// dead tells whether a temporary file is there and has no living writer. What
// cannot be opened is not known to be dead.
func (f *Folder) dead(name string) (bool, error) {
	file, err := f.open(name)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, errNotRegular), errors.Is(err, os.ErrPermission):
		return false, nil
	case err != nil:
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return unheld(file)
}

// unheld takes a shared lock: writers hold an exclusive one, and those that
// only look, like this, do not get in each other's way.
func unheld(file *os.File) (bool, error) {
	err := flock(file, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// RemoveLeftover implements apply.Files. The file is locked until it is gone,
// so that no writer can begin with it; a file that is held is an error.
func (f *Folder) RemoveLeftover(ctx context.Context, name string) error {
	if !f.isTemp(name) {
		return fmt.Errorf("%q is no temporary file of inventory %s", name, f.Inventory)
	}
	file, err := f.open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	free, err := unheld(file)
	switch {
	case err != nil:
		return fmt.Errorf("lock %s: %w", file.Name(), err)
	case !free:
		return fmt.Errorf("%s is in use", file.Name())
	case !f.is(file) || ctx.Err() != nil:
		return ctx.Err() // another file, if any, has the name now
	}
	return f.remove(name)
}
