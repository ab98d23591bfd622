package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/plan"
)

func TestAPublishedImageIsCompleteAndSealed(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077} {
		old := unix.Umask(umask)
		f, g := folder(t), generation(t, hash12)
		f.Group = func(context.Context) (int, error) { return 1234, nil }
		g.Disk = 4 << 20
		publish(t, f, g)
		unix.Umask(old)
		if got := sound(t, f, g); got.Disk != 4<<20 || got.Origin != "here" || got.Created.IsZero() {
			t.Errorf("umask %o: %+v", umask, got)
		}
		for name, want := range map[string]os.FileMode{g.File(): 0o440, g.Manifest(): 0o444} {
			info, err := os.Lstat(f.path(name))
			must(t, err)
			if info.Mode() != want {
				t.Errorf("umask %o: %s has the mode %v", umask, name, info.Mode())
			}
		}
		if err := os.WriteFile(f.path(g.File()), nil, 0); !errors.Is(err, os.ErrPermission) {
			t.Errorf("a sealed image can be written: %v", err)
		}
		info, err := os.Lstat(f.path(g.File()))
		must(t, err)
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 0 || st.Gid != 1234 {
			t.Errorf("owner %d:%d", st.Uid, st.Gid)
		}
	}
}

// A qcow2 size need not be a whole number of sectors: QEMU takes the whole ones.
func TestThePublishedImageHasTheContentOfItsSource(t *testing.T) {
	dir := t.TempDir()
	raw, qcow2, odd := filepath.Join(dir, "raw"), filepath.Join(dir, "qcow2"), filepath.Join(dir, "odd")
	must(t, os.WriteFile(raw, []byte(strings.Repeat("bytes!\n\n", 1<<18)), 0o600))
	run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2)
	run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, odd)
	file, err := os.OpenFile(odd, os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteAt([]byte{0, 0x1f, 0xfe, 1}, 28) // of the virtual size: 511 less
	must(t, errors.Join(err, file.Close()))
	for path, c := range map[string]struct {
		format string
		size   int64
	}{raw: {"raw", 2 << 20}, qcow2: {"qcow2", 2 << 20}, odd: {"qcow2", 2<<20 - 512}} {
		f, g := folder(t), from(t, path, hash12)
		publish(t, f, g)
		if got := sound(t, f, g); got.Disk != c.size {
			t.Errorf("%s: %+v", path, got)
		}
		run(t, "qemu-img", "compare", "-f", c.format, "-F", "qcow2", path, f.path(g.File()))
	}
}

func TestAChecksumMayBeWrittenInAnyWay(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	out, err := exec.Command("sha512sum", g.Source.Path).Output()
	must(t, err)
	g.Source.Content = "sha512:" + strings.ToUpper(strings.Fields(string(out))[0])
	publish(t, f, g)
	sound(t, f, g)
}

func TestPublishingAgainChangesNothing(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	before, err := os.Stat(f.path(g.File()))
	must(t, err)
	must(t, os.Remove(g.Source.Path)) // it is not even needed
	publish(t, f, g)
	after, err := os.Stat(f.path(g.File()))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the image was made anew")
	}
}

// steps are those of a publish, in their order.
var steps = []string{
	"check source", "convert", "check image", "hash image", "flush", "write manifest", "rename", "seal",
}

func TestStepsAreToldInOrder(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	var told []string
	must(t, f.Publish(t.Context(), g, Making{}, func(step string) { told = append(told, step) }))
	if !slices.Equal(told, steps) {
		t.Errorf("%v", told)
	}
}

// Up to the manifest an interrupt leaves nothing; from there on the rest is done.
func TestAnInterruptedPublishLeavesNothingOrAll(t *testing.T) {
	for n, stop := range steps {
		f, g := folder(t), generation(t, hash12)
		ctx, cancel := context.WithCancel(t.Context())
		err := f.Publish(ctx, g, Making{}, func(step string) {
			if step == stop {
				cancel()
			}
		})
		cancel()
		if n > slices.Index(steps, "write manifest") {
			must(t, err)
			sound(t, f, g)
			continue
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), stop) {
			t.Errorf("interrupted at %s: %v", stop, err)
		}
		holds(t, f)
		publish(t, f, g)
		sound(t, f, g)
	}
}

func TestAFailingStepLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		spoil func(*Folder, *plan.Generation)
		want  string
	}{
		"group":     {func(f *Folder, _ *plan.Generation) { f.Group = func(context.Context) (int, error) { return 0, broken } }, "flush: broken"},
		"tool":      {func(f *Folder, _ *plan.Generation) { f.QEMUImg.Path = "/bin/false" }, "convert: qemu-img convert: exit status 1"},
		"lazy tool": {func(f *Folder, _ *plan.Generation) { f.QEMUImg.Path = "/bin/true" }, "check image: not a qcow2 image"},
		"no room":   {func(f *Folder, _ *plan.Generation) { f.Path = mounted(t, "tmpfs", "size=512k") }, "No space left"},
		"no growth": {func(_ *Folder, g *plan.Generation) { g.Disk = 1 << 62 }, "resize"},
	} {
		f, g := folder(t), generation(t, hash12)
		c.spoil(f, &g)
		refused(t, name, f.Publish(t.Context(), g, Making{}, quiet), c.want)
		holds(t, f)
	}
}

// The name is taken, by a stranger, between the last look at it and the rename.
func TestANameThatIsTakenAtTheLastMomentIsLeft(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	err := f.Publish(t.Context(), g, Making{}, func(step string) {
		if step == "rename" {
			must(t, os.WriteFile(f.path(g.File()), []byte("theirs"), 0o600))
		}
	})
	refused(t, "taken", err, "move it away")
	holds(t, f, g.File())
	if text, err := os.ReadFile(f.path(g.File())); err != nil || string(text) != "theirs" {
		t.Errorf("%q, %v", text, err)
	}
}

// Each child keeps the lock on what it writes, and the locks of the run.
func TestChildrenHoldTheLocks(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	lock, err := os.Create(filepath.Join(t.TempDir(), "lock"))
	must(t, err)
	held := filepath.Join(t.TempDir(), "held")
	text := "#!/bin/sh\nreadlink /proc/self/fd/* >>" + held + "\nexec " + f.QEMUImg.Path + " \"$@\"\n"
	f.QEMUImg = script(t, text)
	f.QEMUImg.Inherit = []*os.File{lock}
	g.Disk = 2 << 20
	publish(t, f, g)
	seen, err := os.ReadFile(held)
	must(t, errors.Join(err, lock.Close()))
	for _, want := range []string{f.path(".pcloud-lab."), lock.Name()} {
		if got := strings.Count(string(seen), want); got != 3 {
			t.Errorf("%s is held by %d of convert, resize and check: %s", want, got, seen)
		}
	}
}

func script(t *testing.T, text string) qemuimg.Tool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qemu-img")
	must(t, os.WriteFile(path, []byte(text), 0o700))
	return qemuimg.Tool{Path: path}
}

// The result is judged by what is in the file, not by what the tool says.
func TestAToolThatMakesSomethingElseIsNoticed(t *testing.T) {
	for name, create := range map[string]string{
		"another size": "-f qcow2 %s 3M",
		"an overlay":   "-f qcow2 -u -b /nonexistent -F raw %s 1M",
		"no qcow2":     "-f raw %s 1M",
	} {
		f, g := folder(t), generation(t, hash12)
		f.QEMUImg = script(t, `#!/bin/sh
for last; do :; done
case $1 in convert) exec qemu-img create -q `+fmt.Sprintf(create, `"$last"`)+`; esac
`)
		refused(t, name, f.Publish(t.Context(), g, Making{}, quiet), "check image: ")
		holds(t, f)
	}
}

// otherwise is a tool that makes other bytes of the same content.
func otherwise(t *testing.T, tool qemuimg.Tool) qemuimg.Tool {
	t.Helper()
	text := "#!/bin/sh\ncommand=$1; shift\n[ $command != convert ] || set -- -o cluster_size=4k \"$@\"\nexec " + tool.Path + " $command \"$@\"\n"
	return script(t, text)
}

func TestPublishesAtOnceLeaveOneImageAndItsManifest(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	other := *f
	other.QEMUImg = otherwise(t, f.QEMUImg)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := errors.Join(f.Publish(t.Context(), g, Making{}, quiet), other.Publish(t.Context(), g, Making{}, quiet)); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := other.Publish(t.Context(), g, Making{}, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	sound(t, f, g)
	if sum, err := digest(f.path(g.File())); err != nil || sum != found(t, f).SHA256 {
		t.Errorf("the manifest is of another image: %v", err)
	}
}

// Nobody else gets between an image and its manifest.
func TestTheTwoNamesAreGivenUnderALock(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	locked := func(step string) bool {
		dir, err := os.Open(f.Path)
		must(t, err)
		err = unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		must(t, dir.Close())
		return errors.Is(err, unix.EWOULDBLOCK)
	}
	must(t, f.Publish(t.Context(), g, Making{}, func(step string) {
		if commits := slices.Index(steps, step) >= slices.Index(steps, "write manifest"); locked(step) != commits {
			t.Errorf("%s: locked is %v", step, !commits)
		}
	}))
	must(t, f.Remove(t.Context(), g, func(step string) {
		if !locked(step) {
			t.Errorf("%s: it is not locked", step)
		}
	}))
	if locked("afterwards") {
		t.Error("it is locked afterwards")
	}
}

func TestAnImageIsBuiltAndPrepared(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	g.Source.Path, g.Source.Content = "", ""
	making := Making{
		Build: func(_ context.Context, disk *os.File, step func(string)) error {
			step("fill")
			_, err := disk.WriteAt([]byte("built"), 1<<20-512)
			return errors.Join(err, disk.Truncate(1<<20))
		},
		Prepare: func(_ context.Context, image *os.File, step func(string)) error {
			step("change")
			run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 7 0 512", image.Name())
			return nil
		},
	}
	var steps []string
	must(t, f.Publish(t.Context(), g, making, func(step string) { steps = append(steps, step) }))
	if got := sound(t, f, g); got.Disk != 1<<20 {
		t.Errorf("%+v", got)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	run(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", f.path(g.File()), raw)
	content, err := os.ReadFile(raw)
	must(t, err)
	if content[0] != 7 || string(content[1<<20-512:1<<20-507]) != "built" {
		t.Errorf("%q … %q", content[:8], content[1<<20-512:1<<20-500])
	}
	if first, change := slices.Index(steps, "fill"), slices.Index(steps, "change"); first < 0 || change < first || slices.Index(steps, "hash image") < change {
		t.Errorf("steps: %q", steps)
	}
}

func TestABuildThatFailsLeavesNothing(t *testing.T) {
	no := errors.New("no")
	fails := func(context.Context, *os.File, func(string)) error { return no }
	for name, making := range map[string]Making{"build": {Build: fails}, "prepare": {Prepare: fails}} {
		f, g := folder(t), generation(t, hash12)
		before := world(t, f)
		if err := f.Publish(t.Context(), g, making, quiet); !errors.Is(err, no) {
			t.Errorf("%s: %v", name, err)
		}
		if after := world(t, f); after != before {
			t.Errorf("%s left:\n%s", name, after)
		}
	}
}

// TestALaterGenerationIsYounger also when the clock went back in between.
func TestALaterGenerationIsYounger(t *testing.T) {
	f, first := folder(t), generation(t, hash12)
	publish(t, f, first)
	m, err := f.readManifest(first)
	must(t, err)
	m.Created = m.Created.Add(time.Hour)
	must(t, f.writeManifest(first, m))
	second := generation(t, strings.Repeat("b", 12))
	second.Definition = hash12
	publish(t, f, second)
	later, err := f.readManifest(second)
	must(t, err)
	if !later.Created.After(m.Created) || later.Definition != hash12 {
		t.Errorf("%v is not after %v, or %q", later.Created, m.Created, later.Definition)
	}
}
