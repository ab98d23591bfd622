package download

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockSuffix = ".lock"
	lockPoll   = 100 * time.Millisecond
)

// exclusive waits until nobody else, in this program or another, fetches the
// same image into the cache. The function lets the next one in.
func (d *fetch) exclusive(ctx context.Context) (release func() error, err error) {
	ticker := time.NewTicker(lockPoll)
	defer ticker.Stop()
	for {
		file, err := lockFile(d.path + lockSuffix)
		if err == nil {
			return func() error { return errors.Join(os.Remove(file.Name()), file.Close()) }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the cache: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
}

// lockFile gives EWOULDBLOCK when somebody has the lock, or just gave it back:
// the file goes with it.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	named, err := os.Lstat(path)
	opened, openedErr := file.Stat()
	if err != nil || openedErr != nil || !os.SameFile(named, opened) {
		return nil, errors.Join(unix.EWOULDBLOCK, file.Close())
	}
	return file, nil
}
