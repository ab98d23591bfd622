package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"pcloud-apply/drivers/download"
	"pcloud-apply/drivers/guestfs"
	"pcloud-apply/drivers/mmdebstrap"
)

const suite = "bookworm"

// builds measures how golden images are made against the tools alone.
func (b *bench) builds() error {
	return errors.Join(b.bootstraps(), b.prepares(), b.downloads())
}

// timed measures f.
func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}

func quiet(string) {}

// folder makes an empty one.
func (b *bench) folder(name string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700))
}

func (b *bench) debian() string { return filepath.Join(b.dir, "debian.raw") }

// bootstraps measures a whole bootable disk against a folder with the packages.
func (b *bench) bootstraps() error {
	tool, err := mmdebstrap.Find()
	if err != nil {
		return err
	}
	packages, err := mmdebstrap.Packages(suite)
	if err != nil {
		return err
	}
	return b.pairs(2, result{name: "bootstrap a bootable Debian 12", goal: 1.5, note: "reference: mmdebstrap into a folder"},
		func() (time.Duration, error) { return timed(func() error { return b.bootstrap(tool) }) },
		func() (time.Duration, error) {
			return timed(func() error { return b.bareBootstrap(tool, packages) })
		})
}

func (b *bench) bootstrap(tool mmdebstrap.Tool) error {
	work, err := b.folder("work")
	if err != nil {
		return err
	}
	disk, err := os.Create(b.debian())
	if err != nil {
		return err
	}
	err = tool.Build(context.Background(), mmdebstrap.Config{Suite: suite}, work, disk, quiet)
	return errors.Join(err, disk.Close(), os.RemoveAll(work))
}

func (b *bench) bareBootstrap(tool mmdebstrap.Tool, packages []string) error {
	tree, err := b.folder("tree")
	if err != nil {
		return err
	}
	return errors.Join(command(tool.Paths["mmdebstrap"], "--quiet", "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io",
		"--include="+strings.Join(packages, ","), suite, filepath.Join(tree, "root")), os.RemoveAll(tree))
}

func command(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LIBGUESTFS_BACKEND=direct", "LIBGUESTFS_BACKEND_SETTINGS=force_tcg")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// prepares measures the preparation of that disk against one bare run of the
// tool that cleans up.
func (b *bench) prepares() error {
	tool, err := guestfs.Find()
	if err != nil {
		return err
	}
	image := filepath.Join(b.dir, "image.qcow2")
	fresh := func(f func() error) (time.Duration, error) {
		if err := command("qemu-img", "convert", "-f", "raw", "-O", "qcow2", b.debian(), image); err != nil {
			return 0, err
		}
		return timed(f)
	}
	return b.pairs(3, result{name: "prepare it", goal: 1.1, note: "reference: virt-sysprep"},
		func() (time.Duration, error) {
			work, err := b.folder("work")
			if err != nil {
				return 0, err
			}
			return fresh(func() error { return tool.Prepare(context.Background(), guestfs.Config{}, image, work, quiet) })
		},
		func() (time.Duration, error) {
			return fresh(func() error { return command(tool.Path, "--quiet", "--format", "qcow2", "--add", image) })
		})
}

const (
	downloadSize = 1 << 30
	linkSpeed    = 250 << 20 // bytes a second: on a faster link, server and client fight for this machine's CPUs
)

// link sends at the speed of a network.
type link struct {
	http.ResponseWriter
	begun time.Time
	sent  int
}

func (l *link) Write(p []byte) (int, error) {
	n, err := l.ResponseWriter.Write(p)
	l.sent += n
	time.Sleep(time.Until(l.begun.Add(time.Duration(l.sent) * time.Second / linkSpeed)))
	return n, err
}

// downloads measures a download that is compared with its checksum against the
// slower of two: the transfer into a file, and the hashing of that file.
func (b *bench) downloads() error {
	source := filepath.Join(b.dir, "source")
	if err := command("sh", "-c", fmt.Sprintf("head -c %d /dev/urandom > %s", downloadSize, source)); err != nil {
		return err
	}
	content, err := hashed(source)
	if err != nil {
		return err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(&link{w, time.Now(), 0}, r, source)
	}))
	defer server.Close()
	url := server.URL + "/source"
	return b.pairs(5, result{name: "download 1 GiB at 250 MiB/s and hash it", goal: 1.1, note: "reference: the slower of the two"},
		func() (time.Duration, error) {
			cache := download.NewCache(filepath.Join(b.dir, "downloads"))
			elapsed, err := timed(func() error { _, err := cache.Fetch(context.Background(), url, content, quiet); return err })
			return elapsed, errors.Join(err, cache.Forget(url, content))
		},
		func() (time.Duration, error) {
			transfer, err := timed(func() error { return transferred(url, filepath.Join(b.dir, "copy")) })
			if err != nil {
				return 0, err
			}
			hash, err := timed(func() error { _, err := hashed(source); return err })
			return max(transfer, hash), err
		})
}

func hashed(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return fmt.Sprintf("sha256:%x", sum.Sum(nil)), errors.Join(err, file.Close())
}

// transferred has the file on the disk when it returns, as a download has.
func transferred(url, path string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return errors.Join(err, response.Body.Close())
	}
	_, err = io.Copy(file, response.Body)
	return errors.Join(err, file.Sync(), file.Close(), response.Body.Close())
}
