package pooldir

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/plan"
)

const seed = "tiny.web.seed.iso"

func web() plan.Spawn {
	return plan.Spawn{Name: "web", Image: "tiny", UUID: "an-id", Seed: plan.Seed{Hostname: "web"}}
}

func TestSeedsAreForRootOnly(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		old := unix.Umask(umask)
		f := folder(t)
		must(t, f.WriteSeed(t.Context(), web()))
		unix.Umask(old)
		info, err := os.Lstat(f.path(seed))
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("umask %o: mode %v", umask, info.Mode())
		}
		holds(t, f, seed)
	}
}

// After the first start libvirt owns the seed.
func TestASeedIsReplacedWholeWhoeverOwnsIt(t *testing.T) {
	f, s := folder(t), web()
	must(t, f.WriteSeed(t.Context(), s))
	must(t, os.Chown(f.path(seed), 64055, 64055))
	opened, err := os.Open(f.path(seed))
	must(t, err)
	before, err := opened.Stat()
	must(t, err)
	s.Seed.Hostname = "other"
	must(t, f.WriteSeed(t.Context(), s))
	after, err := os.Stat(f.path(seed))
	must(t, err)
	if os.SameFile(before, after) {
		t.Error("the file was written to, under a guest's feet")
	}
	must(t, opened.Close())
	out, err := exec.Command("strings", f.path(seed)).Output()
	if err != nil || !strings.Contains(string(out), "hostname: other") || strings.Contains(string(out), "hostname: web") {
		t.Errorf("%s, %v", out, err)
	}
	holds(t, f, seed)
}

func TestRemovingASeedTwiceIsNoError(t *testing.T) {
	f := folder(t)
	must(t, f.WriteSeed(t.Context(), web()))
	for range 2 {
		must(t, f.RemoveSeed(t.Context(), web()))
	}
	holds(t, f)
}

func TestASeedIsNotWrittenOverWhatIsNoFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(canary(t), path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		f := folder(t)
		must(t, make(f.path(seed)))
		before := world(t, f)
		refused(t, name, f.WriteSeed(t.Context(), web()), "not a regular file")
		refused(t, name, f.RemoveSeed(t.Context(), web()), "not a regular file")
		if after := world(t, f); after != before {
			t.Errorf("%s: %s%s", name, before, after)
		}
	}
}

// What a domain says of itself may be forged.
func TestNamesLeadNowhereElse(t *testing.T) {
	f := folder(t)
	f.Path += "/pool"
	must(t, os.Mkdir(f.Path, 0o700))
	outside := f.path("../" + seed)
	must(t, os.WriteFile(outside, []byte("theirs"), 0o600))
	for _, image := range []string{"../tiny", "x/../../tiny", "", ".", "Tiny", "tiny\n", "-"} {
		s := web()
		s.Image = image
		refused(t, image, f.WriteSeed(t.Context(), s), "is no seed's name")
		refused(t, image, f.RemoveSeed(t.Context(), s), "is no seed's name")
		g := generation(t, hash12)
		g.Image = image
		_, err := f.Check(t.Context(), g)
		for _, err := range []error{
			err, f.Publish(t.Context(), g, Making{}, quiet), f.Mend(t.Context(), g, quiet), f.Remove(t.Context(), g, quiet),
		} {
			refused(t, image, err, "is no golden image's name")
		}
	}
	for _, name := range []string{"../" + seed, "/etc/passwd", "x/../../" + seed, ""} {
		_, err := f.Backing(name)
		for _, err := range []error{err, f.Grow(t.Context(), name, 1<<30), f.Flatten(t.Context(), name), f.Room(t.Context(), name)} {
			refused(t, name, err, "is not the name of a file")
		}
	}
	if c := contents(t, f, "../"+seed, "..", ".", ""); len(c.Volumes) != 0 {
		t.Errorf("%+v", c.Volumes)
	}
	holds(t, f)
	if text, err := os.ReadFile(outside); err != nil || string(text) != "theirs" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestAnInterruptIsHeeded(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	must(t, f.WriteSeed(t.Context(), web()))
	must(t, os.WriteFile(f.path(leftover), nil, 0o600))
	before := world(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, inspected := f.Inspect(ctx, nil)
	_, checked := f.Check(ctx, g)
	for what, err := range map[string]error{
		"inspect": inspected, "check": checked, "write seed": f.WriteSeed(ctx, web()), "remove seed": f.RemoveSeed(ctx, web()),
		"remove": f.Remove(ctx, g, quiet), "mend": f.Mend(ctx, g, quiet), "leftover": f.RemoveLeftover(ctx, leftover),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if after := world(t, f); after != before {
		t.Errorf("%s%s", before, after)
	}
}
