package pooldir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// flagged tells whether a file has the immutable flag.
func flagged(t *testing.T, path string) bool {
	t.Helper()
	file, err := os.Open(path)
	must(t, err)
	flags, err := getFlags(file)
	must(t, errors.Join(err, file.Close()))
	return flags&immutable != 0
}

// lifecycle publishes, breaks, mends and removes an image.
func lifecycle(t *testing.T, f *Folder) {
	t.Helper()
	g := generation(t, hash12)
	publish(t, f, g)
	sound(t, f, g)
	must(t, os.Chmod(unseal(t, f, g), 0o644))
	if got := found(t, f); got.Sealed {
		t.Errorf("%+v", got)
	}
	must(t, f.Mend(t.Context(), g, quiet))
	sound(t, f, g)
	must(t, f.Remove(t.Context(), g, quiet))
	holds(t, f)
}

func TestImagesLiveOnFileSystemsWithAndWithoutTheFlag(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ramfs"} {
		lifecycle(t, folderIn(t, mounted(t, kind, "")))
	}
	lifecycle(t, folder(t))
}

func TestASealedImageIsImmutable(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	if !flagged(t, f.path(g.File())) {
		t.Error("it lacks the flag")
	}
	must(t, free(f.path(g.File())))
	if got := found(t, f); got.Sealed || got.Damage != "" || got.Stale {
		t.Errorf("%+v", got)
	}
	must(t, f.Mend(t.Context(), g, quiet))
	sound(t, f, g)
}

// Where the flag cannot be set, its absence is no fault: each plan would show it.
func TestTheModeMustDoWithoutTheCapability(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	onThread(func() {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_LINUX_IMMUTABLE, 0, 0, 0); err != nil {
			t.Error(err)
			return
		}
		if err := f.Publish(t.Context(), g, Making{}, quiet); err != nil {
			t.Error(err)
		}
		if c, err := f.Inspect(t.Context(), nil); err != nil || len(c.Images) != 1 || !c.Images[0].Sealed {
			t.Errorf("%+v, %v", c, err)
		}
	})
	if flagged(t, f.path(g.File())) || found(t, f).Sealed {
		t.Error("it has the flag, or who may set it does not miss it")
	}
}

func TestWhoIsNotRootPublishesToo(t *testing.T) {
	const nobody = 65534
	f, g := folder(t), generation(t, hash12)
	for _, dir := range []string{filepath.Dir(f.Path), f.Path, filepath.Dir(g.Source.Path)} {
		must(t, os.Chown(dir, nobody, nobody))
	}
	must(t, os.Chmod(g.Source.Path, 0o644))
	onThread(func() {
		if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); err != 0 {
			t.Error(err)
			return
		}
		if err := errors.Join(f.Publish(t.Context(), g, Making{}, quiet), f.Mend(t.Context(), g, quiet)); err != nil {
			t.Error(err)
		}
		if c, err := f.Inspect(t.Context(), nil); err != nil || len(c.Images) != 1 || !c.Images[0].Sealed {
			t.Errorf("%+v, %v", c, err)
		}
	})
	info, err := os.Lstat(f.path(g.File()))
	must(t, err)
	if info.Mode() != 0o440 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestAnImageThatChangedHandsIsMended(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	path := unseal(t, f, g)
	must(t, os.Chown(path, 64055, 64055))
	run(t, "chattr", "+i", path)
	f.Group = func(context.Context) (int, error) { return 7, nil }
	must(t, f.Mend(t.Context(), g, quiet))
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	if st.Uid != 0 || st.Gid != 7 || !flagged(t, path) {
		t.Errorf("%d:%d", st.Uid, st.Gid)
	}
}

// A copy that was put back has another time: the manifest is brought up to date.
func TestAStaleManifestIsMended(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	was := found(t, f)
	path := unseal(t, f, g)
	now := was.Created.Add(1)
	must(t, os.Chtimes(path, now, now))
	if got := found(t, f); !got.Stale || got.Sealed || got.Damage != "" {
		t.Errorf("%+v", got)
	}
	golden, err := f.Check(t.Context(), g)
	if want := (Golden{path, was.SHA256, 1 << 20}); err != nil || golden != want {
		t.Errorf("%+v, %v", golden, err)
	}
	var told []string
	must(t, f.Mend(t.Context(), g, func(step string) { told = append(told, step) }))
	if got := sound(t, f, g); !got.Created.Equal(was.Created) || got.SHA256 != was.SHA256 || strings.Join(told, ",") != "write manifest,seal" {
		t.Errorf("%+v, %v", got, told)
	}
}

func TestMendingASoundImageChangesNothing(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	before := world(t, f)
	must(t, f.Mend(t.Context(), g, quiet))
	if after := world(t, f); after != before {
		t.Errorf("%s%s", before, after)
	}
}

func TestAChangedImageIsDamage(t *testing.T) {
	for name, change := range map[string]func(path string){
		"bytes":  func(path string) { run(t, "qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", path) },
		"length": func(path string) { must(t, os.Truncate(path, 100)) },
		"length, with its time put back": func(path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, 100))
			must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
		},
		"nothing": func(path string) { must(t, os.Truncate(path, 0)) },
		"link": func(path string) {
			must(t, os.Rename(path, path+".moved"))
			must(t, os.Symlink(path+".moved", path))
		},
	} {
		f, g := folder(t), generation(t, hash12)
		publish(t, f, g)
		change(unseal(t, f, g))
		before := world(t, f)
		got := found(t, f)
		if !got.Complete || got.Damage == "" || got.Stale {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := f.Check(t.Context(), g); err == nil {
			t.Errorf("%s: it counts as sound", name)
		}
		if f.Mend(t.Context(), g, quiet) == nil || f.Publish(t.Context(), g, Making{}, quiet) == nil {
			t.Errorf("%s: it was mended or made anew", name)
		}
		if after := world(t, f); after != before {
			t.Errorf("%s: %s%s", name, before, after)
		}
	}
}

// What differs is said, and a content that cannot be read is not taken for right.
func TestDamageIsExplained(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	was := found(t, f)
	must(t, os.Truncate(unseal(t, f, g), 100))
	want := fmt.Sprintf("it has 100 bytes and the sha256 [0-9a-f]{12}…, not %d bytes and %.12s…, since 2", was.Size, was.SHA256)
	if got := found(t, f).Damage; !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("%q, want %q", got, want)
	}
	f.Digest = func(string) (string, error) { return "", os.ErrPermission }
	if damage := found(t, f).Damage; !strings.Contains(damage, "cannot be read") {
		t.Errorf("%q", damage)
	}
}

func TestTheContentIsReadOnlyWhenItMayHaveChanged(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	f.Digest = func(string) (string, error) {
		t.Error("the image was read")
		return "", nil
	}
	sound(t, f, g)
	_, err := f.Check(t.Context(), g)
	must(t, err)
}
