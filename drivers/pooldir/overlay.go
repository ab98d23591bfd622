package pooldir

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qcow2"
	"pcloud-apply/plan"
)

// Grow implements apply.Overlays.
func (f *Folder) Grow(ctx context.Context, volume string, size int64) error {
	return f.change(volume, func(path string) error { return f.QEMUImg.Grow(ctx, path, size) })
}

// Flatten implements apply.Overlays.
func (f *Folder) Flatten(ctx context.Context, volume string) error {
	return f.change(volume, func(path string) error { return f.QEMUImg.Flatten(ctx, path) })
}

// change runs a tool on a volume and makes what it wrote durable.
func (f *Folder) change(volume string, run func(path string) error) (err error) {
	file, err := f.open(volume)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := run(f.path(volume)); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Backing implements apply.Overlays.
func (f *Folder) Backing(volume string) (string, error) {
	file, err := f.open(volume)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	header, err := qcow2.Read(file, info.Size())
	return header.BackingFile, err
}

// Room implements apply.Overlays. What is measured is the size of the whole
// chain in one file; what the overlay has already is not written again.
func (f *Folder) Room(ctx context.Context, volume string) error {
	info, err := f.stat(volume)
	if err != nil {
		return err
	}
	whole, err := f.QEMUImg.Measure(ctx, f.path(volume))
	if err != nil {
		return err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(f.Path, &st); err != nil {
		return fmt.Errorf("look at the free space: %w", err)
	}
	free, needed := int64(st.Bavail)*st.Bsize, whole-used(info)
	if needed > free {
		return fmt.Errorf("it needs %s more in %s, and %s are free", plan.RoughBytes(needed), f.Path, plan.RoughBytes(free))
	}
	return nil
}
