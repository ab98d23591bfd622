package pooldir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/plan"
)

// folder is an empty pool on the file system that temporary files lie on.
func folder(t *testing.T) *Folder {
	t.Helper()
	return folderIn(t, t.TempDir())
}

// folderIn is a pool in a folder whose immutable files are freed at the end.
func folderIn(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := newFolder(path)
	must(t, err)
	t.Cleanup(func() {
		images, err := filepath.Glob(filepath.Join(path, "*.golden-*.qcow2"))
		must(t, err)
		for _, image := range images {
			if info, err := os.Lstat(image); err == nil && info.Mode().IsRegular() {
				must(t, free(image))
			}
		}
	})
	return f
}

func newFolder(path string) (*Folder, error) {
	tool, err := qemuimg.Find()
	return &Folder{
		Path: path, Host: "local", Inventory: "lab", Origin: "here", Tool: "v1", QEMUImg: tool,
		Group: func(context.Context) (int, error) { return 0, nil }, Digest: digest,
	}, err
}

// free clears the immutable flag.
func free(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(setImmutable(file, false), file.Close())
}

// mounted is a folder on a file system of its own.
func mounted(t *testing.T, kind, options string) string {
	t.Helper()
	path := t.TempDir()
	must(t, unix.Mount("none", path, kind, 0, options))
	t.Cleanup(func() { must(t, unix.Unmount(path, 0)) })
	return path
}

// onThread runs do on a thread of its own, which may give up rights and dies
// afterwards.
func onThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlock it
		do()
	}()
	<-done
}

func digest(path string) (string, error) {
	text, err := os.ReadFile(path)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), err
}

// generation is a desired one, of a raw source of 1 MiB.
func generation(t *testing.T, hash string) plan.Generation {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source.img")
	must(t, os.WriteFile(path, []byte(strings.Repeat("data", 1<<18)), 0o600))
	return from(t, path, hash)
}

// from is a desired generation of a source that is there.
func from(t *testing.T, path, hash string) plan.Generation {
	t.Helper()
	sum, err := digest(path)
	must(t, err)
	return plan.Generation{Host: "local", Image: "tiny", Hash: hash, Source: plan.Source{Path: path, Content: "sha256:" + sum}}
}

const hash12 = "0123456789ab"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err has a text.
func refused(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

func quiet(string) {}

func publish(t *testing.T, f *Folder, g plan.Generation) {
	t.Helper()
	must(t, f.Publish(t.Context(), g, Making{}, quiet))
}

func contents(t *testing.T, f *Folder, names ...string) Contents {
	t.Helper()
	c, err := f.Inspect(t.Context(), names)
	must(t, err)
	return c
}

// found is the only generation that an inspection sees.
func found(t *testing.T, f *Folder) plan.Generation {
	t.Helper()
	images := contents(t, f).Images
	if len(images) != 1 {
		t.Fatalf("%d images: %+v", len(images), images)
	}
	return images[0]
}

// sound fails the test unless the generation is as Publish leaves it.
func sound(t *testing.T, f *Folder, g plan.Generation) plan.Generation {
	t.Helper()
	got := found(t, f)
	if !got.Complete || !got.Sealed || got.Stale || got.Damage != "" || got.Name() != g.Name() {
		t.Errorf("%+v", got)
	}
	holds(t, f, g.Manifest(), g.File())
	return got
}

// holds fails the test unless exactly these files lie in the folder.
func holds(t *testing.T, f *Folder, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(f.Path)
	must(t, err)
	var there []string
	for _, entry := range entries {
		there = append(there, entry.Name())
	}
	if strings.Join(there, " ") != strings.Join(names, " ") {
		t.Errorf("in the folder: %v, want %v", there, names)
	}
}

// unseal lets a test do what nobody should do to a sealed image.
func unseal(t *testing.T, f *Folder, g plan.Generation) string {
	t.Helper()
	path := f.path(g.File())
	must(t, free(path))
	return path
}

// canary is a file that must stay as it is.
func canary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "canary")
	must(t, os.WriteFile(path, []byte("alive"), 0o644))
	before, err := os.Lstat(path)
	must(t, err)
	t.Cleanup(func() {
		after, err := os.Lstat(path)
		must(t, err)
		text, err := os.ReadFile(path)
		must(t, err)
		if !os.SameFile(before, after) || before.Mode() != after.Mode() || string(text) != "alive" {
			t.Errorf("%s was changed: %q, %v", path, text, after.Mode())
		}
	})
	return path
}
