package pooldir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"pcloud-apply/doctor"
)

// Health adds to the pool's facts what its folder shows. Nothing is written.
func (f *Folder) Health(pool *doctor.Pool) error {
	info, err := os.Stat(f.Path)
	if err != nil {
		return fmt.Errorf("look at the pool's folder: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("the pool's folder cannot be looked at on this system")
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(f.Path, &fs); err != nil {
		return fmt.Errorf("look at the free space: %w", err)
	}
	pool.Mode, pool.Owner, pool.Free = uint32(info.Mode().Perm()), int(st.Uid), int64(fs.Bavail)*fs.Bsize
	real, err := filepath.EvalSymlinks(f.Path)
	pool.Symlink = err != nil || real != filepath.Clean(f.Path)
	pool.Immutable, err = f.knowsFlags()
	return err
}

// knowsFlags tells whether the file system has the immutable flag and we may set it.
func (f *Folder) knowsFlags() (bool, error) {
	dir, err := os.Open(f.Path)
	if err != nil {
		return false, fmt.Errorf("open the pool's folder: %w", err)
	}
	_, err = getFlags(dir)
	return err == nil && maySetImmutable(), dir.Close()
}
