package pooldir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"pcloud-apply/plan"
)

// sealedMode lets QEMU's group read a golden image, and nobody write it. An
// image may hold password hashes, so others do not read it either.
const sealedMode = 0o440

// immutable is the flag that chattr +i sets (FS_IMMUTABLE_FL of linux/fs.h).
// Neither root nor libvirt changes, removes or takes over a file that has it.
const immutable = 0x10

// sealed tells whether the image is as Publish leaves it, as far as this
// process and the file system can make it so.
func (f *Folder) sealed(g plan.Generation, info fs.FileInfo) (bool, error) {
	if info.Mode().Perm() != sealedMode {
		return false, nil
	}
	file, err := f.open(g.File())
	if errors.Is(err, os.ErrPermission) {
		return true, nil // who may not read it cannot mend it either
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	flags, err := getFlags(file)
	if err != nil || !maySetImmutable() {
		return true, nil
	}
	return flags&immutable != 0, nil
}

func getFlags(file *os.File) (int, error) {
	return unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
}

// maySetImmutable: it takes root with CAP_LINUX_IMMUTABLE, which many
// containers do not have.
func maySetImmutable() bool {
	held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_LINUX_IMMUTABLE, 0, 0, 0)
	return os.Geteuid() == 0 && err == nil && held == 1
}

// setImmutable sets or clears the flag where it can be had.
func setImmutable(file *os.File, on bool) error {
	flags, err := getFlags(file)
	if err != nil || !maySetImmutable() {
		return nil // a file system without the flag: the mode must do
	}
	wanted := flags &^ immutable
	if on {
		wanted = flags | immutable
	}
	if wanted == flags {
		return nil
	}
	return unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, wanted)
}

// seal gives a published image its owner, mode and flag.
func (f *Folder) seal(ctx context.Context, g plan.Generation) (err error) {
	group, err := f.Group(ctx)
	if err != nil {
		return err
	}
	file, err := f.open(g.File())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := setImmutable(file, false); err != nil {
		return fmt.Errorf("clear the immutable flag: %w", err)
	}
	if os.Geteuid() == 0 {
		if err := file.Chown(0, group); err != nil {
			return fmt.Errorf("set owner: %w", err)
		}
	}
	if err := file.Chmod(sealedMode); err != nil {
		return fmt.Errorf("set mode: %w", err)
	}
	if err := setImmutable(file, true); err != nil {
		return fmt.Errorf("set the immutable flag: %w", err)
	}
	return nil
}

// Mend implements apply.Images.
func (f *Folder) Mend(ctx context.Context, g plan.Generation, step func(string)) error {
	m, info, err := f.lookAt(g)
	if err != nil {
		return err
	}
	v, err := f.compare(g, m, info)
	switch {
	case err != nil:
		return err
	case v.damage != "":
		return errors.New(v.damage)
	case v.stale:
		step("write manifest")
		m.Size, m.ModTime = info.Size(), info.ModTime()
		if err := f.writeManifest(g, m); err != nil {
			return err
		}
	}
	step("seal")
	return f.seal(ctx, g)
}

func (f *Folder) lookAt(g plan.Generation) (manifest, fs.FileInfo, error) {
	m, err := f.readManifest(g)
	if err != nil {
		return manifest{}, nil, err
	}
	info, err := f.stat(g.File())
	if err != nil {
		return manifest{}, nil, fmt.Errorf("look at golden image: %w", err)
	}
	return m, info, nil
}

// Remove implements apply.Images. The manifest goes last: while it is there,
// the rest is known to be ours.
func (f *Folder) Remove(_ context.Context, g plan.Generation, step func(string)) error {
	if _, err := f.readManifest(g); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
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
		return err
	}
	if err := errors.Join(setImmutable(file, false), file.Close()); err != nil {
		return fmt.Errorf("clear the immutable flag: %w", err)
	}
	if err := f.remove(g.File()); err != nil {
		return err
	}
	return f.sync()
}

// Golden is a golden image that was found sound.
type Golden struct {
	Path   string // absolute
	SHA256 string
	Size   int64 // virtual size in bytes
}

// Check compares the image with its manifest and fails when it was changed.
func (f *Folder) Check(_ context.Context, g plan.Generation) (Golden, error) {
	m, info, err := f.lookAt(g)
	if err != nil {
		return Golden{}, err
	}
	v, err := f.compare(g, m, info)
	if err != nil {
		return Golden{}, err
	}
	if v.damage != "" {
		return Golden{}, fmt.Errorf("golden image %s is damaged: %s", g.Name(), v.damage)
	}
	return Golden{f.path(g.File()), m.SHA256, m.VirtualSize}, nil
}
