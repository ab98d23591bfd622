package pooldir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

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
	if info.Mode() != sealedMode || !maySetImmutable() {
		return info.Mode() == sealedMode, nil
	}
	file, err := f.open(g.File())
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	flags, err := getFlags(file)
	if lacksFlags(err) {
		return true, nil
	}
	return flags&immutable != 0, err
}

func getFlags(file *os.File) (int, error) {
	flags, err := unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return 0, fmt.Errorf("read flags of %s: %w", file.Name(), err)
	}
	return flags, nil
}

// lacksFlags tells whether an error means that the file system has no flags.
func lacksFlags(err error) bool {
	return errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP)
}

// maySetImmutable: it takes root with CAP_LINUX_IMMUTABLE, which many
// containers do not have.
func maySetImmutable() bool {
	held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_LINUX_IMMUTABLE, 0, 0, 0)
	return os.Geteuid() == 0 && err == nil && held == 1
}

// setImmutable sets or clears the flag where it can be had: elsewhere the mode
// must do.
func setImmutable(file *os.File, on bool) error {
	flags, err := getFlags(file)
	if lacksFlags(err) || !maySetImmutable() {
		return nil
	}
	if err != nil {
		return err
	}
	wanted := flags &^ immutable
	if on {
		wanted = flags | immutable
	}
	if wanted == flags {
		return nil
	}
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, wanted); err != nil {
		return fmt.Errorf("set flags of %s: %w", file.Name(), err)
	}
	return nil
}

// seal gives an image its owner, mode and flag. While one of the first two is
// to be changed, the flag has to be off.
func seal(file *os.File, group int) error {
	right, err := owned(file, group)
	if err == nil && !right {
		err = setImmutable(file, false)
	}
	if err == nil && !right {
		err = own(file, sealedMode, group)
	}
	if err == nil {
		err = setImmutable(file, true)
	}
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

func owned(file *os.File, group int) (bool, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &st); err != nil {
		return false, err
	}
	mine := os.Geteuid() != 0 || st.Uid == 0 && int(st.Gid) == group
	return mine && st.Mode&^syscall.S_IFMT == sealedMode, nil
}

// Mend implements apply.Images: it seals a sound image anew and writes a stale
// manifest again. An image that was changed is an error, and is left as it is.
func (f *Folder) Mend(ctx context.Context, g plan.Generation, step func(string)) error {
	m, info, stale, err := f.lookAt(ctx, g)
	if err != nil {
		return err
	}
	if stale {
		step("write manifest")
		m.Size, m.ModTime = info.Size(), info.ModTime().UTC()
		if err := f.writeManifest(g, m); err != nil {
			return err
		}
	}
	group, err := f.Group(ctx)
	if err != nil {
		return err
	}
	step("seal")
	return f.seal(g, group)
}

func (f *Folder) seal(g plan.Generation, group int) (err error) {
	file, err := f.open(g.File())
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return seal(file, group)
}
