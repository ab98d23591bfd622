package pooldir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/plan"
)

// folder is an empty pool; its immutable files are freed at the end.
func folder(t *testing.T) *Folder {
	t.Helper()
	tool, err := qemuimg.Find()
	if err != nil {
		t.Fatal(err)
	}
	f := &Folder{
		Path: t.TempDir(), Host: "local", Inventory: "lab", Origin: "here", Tool: "v1", QEMUImg: tool,
		Group: func(context.Context) (int, error) { return 0, nil }, Digest: digest,
	}
	t.Cleanup(func() {
		images, err := filepath.Glob(f.path("*.golden-*.qcow2"))
		for _, image := range images {
			if out, err := exec.Command("chattr", "-i", image).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		must(t, err)
	})
	return f
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

func quiet(string) {}

func publish(t *testing.T, f *Folder, g plan.Generation) {
	t.Helper()
	must(t, f.Publish(t.Context(), g, quiet))
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

func list(t *testing.T, f *Folder) []string {
	t.Helper()
	entries, err := os.ReadDir(f.Path)
	must(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// unseal lets a test do what nobody should do to a sealed image.
func unseal(t *testing.T, f *Folder, g plan.Generation) string {
	t.Helper()
	path := f.path(g.File())
	if out, err := exec.Command("chattr", "-i", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}
