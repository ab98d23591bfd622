package lab

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// immutableFlag is what chattr calls +i; statx and the flags of an inode have
// the same number for it.
const immutableFlag = unix.STATX_ATTR_IMMUTABLE

// addFiles describes every file below folder, hidden ones included. Those that
// are being written to are described without size, time and contents.
func addFiles(world Snapshot, folder string, written []string) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		description, err := describeFile(path, slices.Contains(written, path))
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		world["file/"+name] = description
		return err
	})
}

func describeFile(path string, written bool) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	stat := info.Sys().(*syscall.Stat_t)
	description := fmt.Sprintf("inode %d\nmode %v\nowner %d:%d\n", stat.Ino, info.Mode(), stat.Uid, stat.Gid)
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return description + "target " + target + "\n", err
	case !info.Mode().IsRegular():
		return description, nil
	}
	contents, err := describeContents(path, info, written)
	return description + contents, err
}

func describeContents(path string, info fs.FileInfo, written bool) (string, error) {
	immutable, err := isImmutable(path)
	if err != nil {
		return "", err
	}
	if written {
		return fmt.Sprintf("immutable %v\nwritten by a running guest\n", immutable), nil
	}
	sum, err := checksum(path)
	return fmt.Sprintf("immutable %v\nsize %d\nmtime %v\nsha256 %s\n",
		immutable, info.Size(), info.ModTime().UTC(), sum), err
}

func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

func isImmutable(path string) (bool, error) {
	var stat unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &stat); err != nil {
		return false, fmt.Errorf("statx %s: %w", path, err)
	}
	return stat.Attributes&immutableFlag != 0, nil
}

// makeMutable takes the immutable flag from a file, if it has it.
func makeMutable(path string) error {
	immutable, err := isImmutable(path)
	if err != nil || !immutable {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	flags, err := unix.IoctlGetUint32(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, int(flags&^immutableFlag))
	}
	if err != nil {
		return fmt.Errorf("make %s mutable: %w", path, err)
	}
	return nil
}
