package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"sync"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// files reads what an inventory names. Digests of large files are remembered
// in the cache folder under what the kernel says of the file: a cache, never
// truth, since a changed file has another ctime.
type files struct {
	folder string // the cache folder
	path   string // of the remembered digests

	mu      sync.Mutex
	digests map[string]string
}

func newFiles() *files {
	f := &files{folder: cacheDir(), digests: map[string]string{}}
	f.path = filepath.Join(f.folder, "digests.json")
	text, err := os.ReadFile(f.path)
	if err == nil && json.Unmarshal(text, &f.digests) != nil {
		f.digests = map[string]string{} // damaged: made anew
	}
	return f
}

// cacheDir is the machine's for root, and below the home folder for others, also
// where a cron job does not know it. Never a folder that somebody else may have made.
func cacheDir() string {
	if os.Geteuid() == 0 && os.Getenv("XDG_CACHE_HOME") == "" {
		return "/var/cache/pcloud-apply"
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "/nonexistent"
		if me, err := user.Current(); err == nil {
			dir = filepath.Join(me.HomeDir, ".cache")
		}
	}
	return filepath.Join(dir, "pcloud-apply")
}

// Read implements inventory.Files.
func (f *files) Read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	const limit = 2 << 20               // more than an inventory may name
	return io.ReadAll(io.LimitReader(file, limit))
}

// Digest implements inventory.Files.
func (f *files) Digest(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // nothing was written
	key, err := fileKey(file)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	known, ok := f.digests[key]
	f.mu.Unlock()
	if ok {
		return known, nil
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return f.remember(key, hex.EncodeToString(hash.Sum(nil))), nil
}

// fileKey changes whenever the file's content may have.
func fileKey(file *os.File) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", errors.New("it is not a regular file")
	}
	return fmt.Sprintf("%d:%d:%d:%d.%09d:%d.%09d", st.Dev, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec), nil
}

// remember keeps the digest. Where the cache cannot be written, the next run
// reads the file again.
func (f *files) remember(key, digest string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.digests[key] = digest
	if os.MkdirAll(f.folder, 0o700) != nil {
		return digest
	}
	if text, err := json.Marshal(f.digests); err == nil {
		_ = renameio.WriteFile(f.path, text, 0o600)
	}
	return digest
}
