package pooldir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

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

func TestAPublishedImageIsCompleteAndSealed(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		old := unix.Umask(umask)
		f, g := folder(t), generation(t, hash12)
		g.Disk = 4 << 20
		publish(t, f, g)
		unix.Umask(old)
		got := found(t, f)
		if !got.Complete || !got.Sealed || got.Stale || got.Damage != "" || got.Disk != 4<<20 || got.Origin != "here" {
			t.Errorf("umask %o: %+v", umask, got)
		}
		info, err := os.Stat(f.path(g.File()))
		must(t, err)
		manifest, err := os.Stat(f.path(g.Manifest()))
		must(t, err)
		if info.Mode() != 0o440 || manifest.Mode() != 0o444 {
			t.Errorf("umask %o: modes %v and %v", umask, info.Mode(), manifest.Mode())
		}
		if err := os.WriteFile(f.path(g.File()), nil, 0); err == nil {
			t.Error("a sealed image can be written")
		}
		out, err := exec.Command("qemu-img", "info", f.path(g.File())).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "file format: qcow2") {
			t.Errorf("%v: %s", err, out)
		}
		if names := list(t, f); len(names) != 2 {
			t.Errorf("left in the folder: %v", names)
		}
	}
}

func TestPublishingAgainChangesNothing(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	before, err := os.Stat(f.path(g.File()))
	must(t, err)
	publish(t, f, g)
	after, err := os.Stat(f.path(g.File()))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the image was made anew")
	}
}

// TestAPublishThatStopsAnywhereLeavesNothingHalf stops before each step: no
// image, or a complete one, is under its final name, and the next try succeeds.
func TestAPublishThatStopsAnywhereLeavesNothingHalf(t *testing.T) {
	for n := 1; ; n++ {
		f, g := folder(t), generation(t, hash12)
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		err := f.Publish(ctx, g, func(string) {
			if steps++; steps == n {
				cancel()
			}
		})
		cancel()
		for _, name := range list(t, f) {
			if strings.HasPrefix(name, ".pcloud-") {
				t.Errorf("stopped at step %d: %s is left", n, name)
			}
		}
		if _, there := os.Stat(f.path(g.File())); there == nil {
			if damage := found(t, f).Damage; damage != "" {
				t.Errorf("stopped at step %d: %s", n, damage)
			}
		}
		publish(t, f, g)
		if err == nil && steps < n {
			if n < 8 {
				t.Errorf("only %d steps", n)
			}
			return
		}
	}
}

func TestASourceThatIsNotAsDeclaredIsRefused(t *testing.T) {
	for name, change := range map[string]func(*plan.Generation){
		"wrong sha256":   func(g *plan.Generation) { g.Source.Content = "sha256:" + strings.Repeat("0", 64) },
		"wrong sha512":   func(g *plan.Generation) { g.Source.Content = "sha512:" + strings.Repeat("0", 128) },
		"missing":        func(g *plan.Generation) { g.Source.Path += ".none" },
		"a folder":       func(g *plan.Generation) { g.Source.Path = filepath.Dir(g.Source.Path) },
		"disk too small": func(g *plan.Generation) { g.Disk = 512 },
	} {
		f, g := folder(t), generation(t, hash12)
		change(&g)
		if err := f.Publish(t.Context(), g, quiet); err == nil {
			t.Errorf("%s: it was published", name)
		}
		if names := list(t, f); len(names) != 0 {
			t.Errorf("%s: left: %v", name, names)
		}
	}
}

// TestAHostileSourceIsNeverOpenedByATool: the backing file is a pipe, on which
// a tool that opened it would hang.
func TestAHostileSourceIsNeverOpenedByATool(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	out, err := exec.Command("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", pipe, g.Source.Path, "1M").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sum, err := digest(g.Source.Path)
	must(t, err)
	g.Source.Content = "sha256:" + sum
	if err := f.Publish(t.Context(), g, quiet); err == nil || !strings.Contains(err.Error(), "it has a backing file") {
		t.Errorf("%v", err)
	}
}

func TestAChangedImageIsDamaged(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	path := unseal(t, f, g)
	if out, err := exec.Command("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := found(t, f); got.Damage == "" {
		t.Errorf("%+v", got)
	}
	if _, err := f.Check(t.Context(), g); err == nil {
		t.Error("a changed image counts as sound")
	}
	if err := f.Mend(t.Context(), g, quiet); err == nil {
		t.Error("a changed image was mended")
	}
}

func TestATouchedAndUnsealedImageIsMended(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	path := unseal(t, f, g)
	must(t, os.Chmod(path, 0o644))
	now := found(t, f).Created.Add(1)
	must(t, os.Chtimes(path, now, now))
	if got := found(t, f); got.Sealed || !got.Stale || got.Damage != "" {
		t.Errorf("%+v", got)
	}
	must(t, f.Mend(t.Context(), g, quiet))
	if got := found(t, f); !got.Sealed || got.Stale || got.Damage != "" {
		t.Errorf("after mending: %+v", got)
	}
}

func TestRemoveTakesTheManifestLast(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	must(t, f.Remove(t.Context(), g, func(step string) {
		if _, err := os.Stat(f.path(g.Manifest())); err != nil {
			t.Errorf("%s: the manifest is gone already", step)
		}
	}))
	if names := list(t, f); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
	must(t, f.Remove(t.Context(), g, quiet))
}

func TestAManifestAloneIsAnUnfinishedImage(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	must(t, os.Remove(unseal(t, f, g)))
	if got := found(t, f); got.Complete {
		t.Errorf("%+v", got)
	}
	publish(t, f, g)
	if got := found(t, f); !got.Complete || got.Damage != "" {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNotOursIsNeitherSeenNorTouched(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	other := *f
	other.Inventory = "lab-2"
	publish(t, &other, g)
	must(t, os.WriteFile(f.path("x.golden-"+hash12+".json"), []byte("{"), 0o600))
	must(t, os.Symlink("/etc/passwd", f.path("y.golden-"+hash12+".json")))
	must(t, os.WriteFile(f.path(".pcloud-lab-2.123.tmp"), nil, 0o600))
	c := contents(t, f)
	if len(c.Images) != 0 || len(c.Leftovers) != 0 {
		t.Errorf("%+v", c)
	}
	if err := f.Remove(t.Context(), g, quiet); err == nil {
		t.Error("another inventory's image was removed")
	}
	if err := f.Publish(t.Context(), g, quiet); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("%v", err)
	}
	if err := f.RemoveLeftover(t.Context(), ".pcloud-lab-2.123.tmp"); err == nil {
		t.Error("another inventory's temporary file was removed")
	}
}

func TestPublishesAtOnceLeaveOneImage(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { _ = f.Publish(t.Context(), g, quiet) }) // all but one may fail
	}
	all.Wait()
	if got := found(t, f); !got.Complete || got.Damage != "" && !got.Stale {
		t.Errorf("%+v", got)
	}
	if names := list(t, f); len(names) != 2 {
		t.Errorf("%v", names)
	}
}

func TestLeftoversAreThoseThatNobodyHolds(t *testing.T) {
	f := folder(t)
	held, err := f.newTemp()
	must(t, err)
	must(t, os.WriteFile(f.path(".pcloud-lab.dead.tmp"), nil, 0o600))
	c := contents(t, f)
	if len(c.Leftovers) != 1 || c.Leftovers[0].Name != ".pcloud-lab.dead.tmp" {
		t.Errorf("%+v", c.Leftovers)
	}
	if err := f.RemoveLeftover(t.Context(), filepath.Base(held.Name())); err == nil {
		t.Error("a file that is being written was removed")
	}
	must(t, f.RemoveLeftover(t.Context(), ".pcloud-lab.dead.tmp"))
	must(t, f.RemoveLeftover(t.Context(), ".pcloud-lab.dead.tmp"))
	must(t, held.discard())
	if names := list(t, f); len(names) != 0 {
		t.Errorf("left: %v", names)
	}
}

func TestSeedsAreForRootOnly(t *testing.T) {
	f := folder(t)
	s := plan.Spawn{Name: "web", Image: "tiny", UUID: "u", Seed: plan.Seed{Hostname: "web"}}
	for range 2 {
		must(t, f.WriteSeed(t.Context(), s))
	}
	info, err := os.Lstat(f.path("tiny.web.seed.iso"))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	must(t, f.RemoveSeed(t.Context(), s))
	must(t, f.RemoveSeed(t.Context(), s))
	must(t, os.Symlink("/etc/passwd", f.path("tiny.web.seed.iso")))
	if err := f.WriteSeed(t.Context(), s); err == nil {
		t.Error("a seed was written over a symbolic link")
	}
	if names := list(t, f); !slices.Equal(names, []string{"tiny.web.seed.iso"}) {
		t.Errorf("left: %v", names)
	}
}

func TestInspectTellsWhatIsThere(t *testing.T) {
	f := folder(t)
	if c := contents(t, f); !c.Empty {
		t.Error("an empty folder does not count as empty")
	}
	must(t, os.Mkdir(f.path("lost+found"), 0o700))
	if c := contents(t, f); !c.Empty {
		t.Error("lost+found counts as something")
	}
	base := f.path("tiny.golden-" + hash12 + ".qcow2")
	for _, args := range [][]string{{base}, {"-b", base, "-F", "qcow2", f.path("tiny.web.qcow2")}} {
		args = append([]string{"create", "-q", "-f", "qcow2"}, args...)
		if out, err := exec.Command("qemu-img", append(args, "1M")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	must(t, os.WriteFile(f.path("tiny.raw.qcow2"), make([]byte, 4096), 0o600))
	must(t, os.WriteFile(f.path("tiny.web.seed.iso"), nil, 0o600))
	must(t, os.Symlink("/etc/passwd", f.path("tiny.link.qcow2")))
	must(t, unix.Mkfifo(f.path("tiny.pipe.qcow2"), 0o600))
	c := contents(t, f, "tiny.web.qcow2", "tiny.raw.qcow2", "tiny.link.qcow2", "tiny.pipe.qcow2", "tiny.web.seed.iso", "tiny.none.qcow2")
	web := c.Volumes["tiny.web.qcow2"]
	if web.Size != 1<<20 || web.Backing != base || web.Problem != "" || web.Used == 0 {
		t.Errorf("%+v", web)
	}
	for _, name := range []string{"tiny.raw.qcow2", "tiny.link.qcow2", "tiny.pipe.qcow2"} {
		if c.Volumes[name].Problem == "" {
			t.Errorf("%s: %+v", name, c.Volumes[name])
		}
	}
	if _, ok := c.Volumes["tiny.none.qcow2"]; ok || len(c.Volumes) != 5 || len(c.Seeds) != 1 {
		t.Errorf("%+v", c)
	}
}

func TestAMissingFolderIsAnError(t *testing.T) {
	f := folder(t)
	f.Path += "/none"
	if _, err := f.Inspect(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(fmt.Sprint(err))
	}
	f.Path = filepath.Dir(f.Path)
}
