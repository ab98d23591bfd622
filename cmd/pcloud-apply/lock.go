package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockPoll is how often a held lock is tried again.
const lockPoll = 100 * time.Millisecond

// lock takes the inventory's lock until unlock: one changing run per inventory.
// The kernel frees it when the last process that has the file open is gone, so
// there is no stale lock. Only waste is avoided by it; no step relies on it.
func lock(ctx context.Context, inventory string, timeout time.Duration) (*os.File, error) {
	dir, err := lockDir()
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		file, err := os.OpenFile(filepath.Join(dir, inventory+".lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o660)
		if err != nil {
			return nil, fmt.Errorf("open lock: %w", err)
		}
		if err := flock(limited, file); err != nil {
			return nil, errors.Join(lockError(ctx, file, err), file.Close())
		}
		if isAt(file, file.Name()) {
			return file, noteHolder(file)
		}
		_ = file.Close() // whoever held it has removed it meanwhile: take the new one
	}
}

// unlock removes the file, so that nothing is left, and frees the lock.
func unlock(file *os.File) error {
	return errors.Join(os.Remove(file.Name()), file.Close())
}

func isAt(file *os.File, path string) bool {
	held, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(held, there)
}

func lockError(ctx context.Context, file *os.File, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return fmt.Errorf("take the lock %s: %w", file.Name(), err)
	}
	return &exitError{exitLocked, fmt.Errorf("another run is at work on this inventory (%s); it holds %s", holder(file), file.Name())}
}

// lockDir is shared by root and the group libvirt where it can be, and private
// to the user where not.
func lockDir() (string, error) {
	parent := "/run/lock"
	if unix.Access(parent, unix.W_OK) != nil {
		parent = os.Getenv("XDG_RUNTIME_DIR")
	}
	if parent == "" {
		return "", errors.New("no folder for the lock: /run/lock is not writable and XDG_RUNTIME_DIR is not set")
	}
	dir := filepath.Join(parent, "pcloud-apply")
	if err := os.Mkdir(dir, 0o770); err != nil {
		if errors.Is(err, os.ErrExist) {
			return dir, nil
		}
		return "", fmt.Errorf("make the lock's folder: %w", err)
	}
	return dir, shareWithLibvirt(dir)
}

func shareWithLibvirt(dir string) error {
	group, err := user.LookupGroup("libvirt")
	if err != nil || os.Geteuid() != 0 {
		return nil // nobody to share it with, or it is private anyway
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return fmt.Errorf("group libvirt: %w", err)
	}
	if err := os.Chown(dir, 0, gid); err != nil {
		return fmt.Errorf("share the lock's folder: %w", err)
	}
	return os.Chmod(dir, 0o770)
}

func flock(ctx context.Context, file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// noteHolder writes who holds the lock, for the message only.
func noteHolder(file *os.File) error {
	who := fmt.Sprintf("pid %d since %s\n", os.Getpid(), time.Now().Format(time.RFC3339))
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := file.WriteAt([]byte(who), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(file, 0, 200), 200))
	if err != nil || len(text) == 0 {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}
