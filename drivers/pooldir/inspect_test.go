package pooldir

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/plan"
)

func TestAFolderWithNothingOfAnyoneIsEmpty(t *testing.T) {
	f := folder(t)
	if !contents(t, f).Empty {
		t.Error("an empty folder is not")
	}
	must(t, os.Mkdir(f.path("lost+found"), 0o700))
	if !contents(t, f).Empty {
		t.Error("a fresh file system is not")
	}
	must(t, os.WriteFile(f.path("theirs"), nil, 0o600))
	if contents(t, f).Empty {
		t.Error("a folder with a stranger's file is")
	}
	must(t, os.Remove(f.path("lost+found")))
	if contents(t, f).Empty {
		t.Error("a folder with one file is")
	}
}

func TestTheNamedFilesAreLookedAt(t *testing.T) {
	f := folder(t)
	base := f.path("tiny.golden-" + hash12 + ".qcow2")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", base, "1M")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", f.path("tiny.web.qcow2"), "2M")
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", f.path("tiny.web.data.qcow2"), "3M")
	run(t, "qemu-img", "snapshot", "-c", "one", f.path("tiny.web.data.qcow2"))
	must(t, os.WriteFile(f.path(seed), make([]byte, 8192), 0o000))
	must(t, os.WriteFile(f.path("tiny.other.qcow2"), nil, 0o600))
	want := map[string]plan.Volume{
		"tiny.web.qcow2":      {Size: 2 << 20, Backing: base},
		"tiny.web.data.qcow2": {Size: 3 << 20, Snapshots: 1},
		seed:                  {},
	}
	got := contents(t, f, "tiny.web.qcow2", "tiny.web.data.qcow2", seed, "tiny.none.qcow2").Volumes
	for name, volume := range got {
		if volume.Used < 8192 || volume.Used > 1<<20 {
			t.Errorf("%s: %d bytes used", name, volume.Used)
		}
		volume.Used = 0
		if volume != want[name] {
			t.Errorf("%s: %+v", name, volume)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%+v", got)
	}
}

func TestAVolumeThatCannotBeReadIsAProblem(t *testing.T) {
	for want, make := range map[string]func(path string) error{
		"not a qcow2 image":  func(path string) error { return os.WriteFile(path, make([]byte, 4096), 0o600) },
		"no sound qcow2":     func(path string) error { return os.WriteFile(path, []byte("QFI\xfb\x00\x00\x00\x03"), 0o600) },
		"sound qcow2 image:": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"not a regular":      func(path string) error { return os.Symlink(canary(t), path) },
		"regular file":       func(path string) error { return os.Symlink("/nonexistent", path) },
		": not a regular":    func(path string) error { return unix.Mkfifo(path, 0o600) },
		".qcow2: not a":      func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		f := folder(t)
		must(t, make(f.path("tiny.web.qcow2")))
		if got := contents(t, f, "tiny.web.qcow2").Volumes["tiny.web.qcow2"]; !strings.Contains(got.Problem, want) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
}

func TestSeedsOfAnyoneAreListed(t *testing.T) {
	f := folder(t)
	for _, name := range []string{seed, "their.own.seed.iso", "cd.iso"} {
		must(t, os.WriteFile(f.path(name), nil, 0o600))
	}
	if got := contents(t, f).Seeds; len(got) != 2 || got[1] != (plan.VolumeKey{Host: "local", Name: seed}) {
		t.Errorf("%+v", got)
	}
}

func TestGenerationsAreToldApart(t *testing.T) {
	f := folder(t)
	for _, hash := range []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"} {
		publish(t, f, generation(t, hash))
	}
	images := contents(t, f).Images
	if len(images) != 2 || images[0].Hash != "aaaaaaaaaaaa" || images[1].File() != "tiny.golden-bbbbbbbbbbbb.qcow2" {
		t.Errorf("%+v", images)
	}
}

// Unknown is not absent.
func TestAFolderThatCannotBeReadIsAnError(t *testing.T) {
	f := folder(t)
	f.Path += "/none"
	if _, err := f.Inspect(t.Context(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f.Path = "/dev/null"
	if _, err := f.Inspect(t.Context(), nil); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestAnInspectionWritesNothing(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	must(t, os.Chmod(unseal(t, f, g), 0o600))
	must(t, f.WriteSeed(t.Context(), web()))
	must(t, os.WriteFile(f.path(leftover), nil, 0o600))
	before := world(t, f)
	contents(t, f, seed)
	if after := world(t, f); after != before {
		t.Errorf("%s%s", before, after)
	}
}
