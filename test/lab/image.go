package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// TinyImage returns the path of the tiny golden image that scripts/tiny-guest
// makes: $PCLOUD_TINY_IMAGE, else .cache/tiny.qcow2 in the repository.
func TinyImage() (string, error) {
	path := os.Getenv("PCLOUD_TINY_IMAGE")
	if path == "" {
		root, err := repository()
		if err != nil {
			return "", fmt.Errorf("find the tiny image: %w", err)
		}
		path = filepath.Join(root, ".cache", "tiny.qcow2")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find the tiny image: %w; run: make tiny-guest", err)
	}
	return path, nil
}

// repository is the folder with go.mod above the working directory, which for
// a Go test is its package's folder.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod above the working directory")
}
