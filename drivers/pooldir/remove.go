package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"

	"pcloud-apply/plan"
)

// Remove implements apply.Images. The manifest goes last: while it is there,
// the rest is known to be ours. What has no manifest of ours is left; that
// there is none at all is no error. That nothing depends on the image is the
// caller's to know.
func (f *Folder) Remove(ctx context.Context, g plan.Generation, step func(string)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	m, err := f.readManifest(g)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = m.refuseNewer(g)
	}
	if err != nil {
		return err
	}
	step("remove image")
	if err := f.removeImage(g); err != nil {
		return err
	}
	step("remove manifest")
	if err := f.remove(g.Manifest()); err != nil {
		return err
	}
	return f.sync()
}

func (f *Folder) removeImage(g plan.Generation) error {
	file, err := f.open(g.File())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open golden image: %w", err)
	}
	if err := errors.Join(setImmutable(file, false), file.Close()); err != nil {
		return err
	}
	if err := f.remove(g.File()); err != nil {
		return err
	}
	return f.sync() // the manifest must not be gone before the image is
}
