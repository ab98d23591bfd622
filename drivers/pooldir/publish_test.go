package pooldir

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/plan"
)

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
