package qemuimg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func find(t *testing.T) Tool {
	t.Helper()
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func raw(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	must(t, os.WriteFile(path, []byte(strings.Repeat("data", 1<<18)), 0o600))
	return path
}

// target makes an empty file that is locked, as its user keeps it.
func target(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "target"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	must(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
	return file
}

func TestConvertKeepsTheTargetsInodeAndTheContent(t *testing.T) {
	tool, source, target := find(t), raw(t), target(t)
	must(t, tool.Convert(t.Context(), source, "raw", target.Name()))
	before, err := target.Stat()
	must(t, err)
	after, err := os.Stat(target.Name())
	must(t, err)
	if !os.SameFile(before, after) || after.Mode() != 0o600 {
		t.Errorf("another inode, or the mode %v", after.Mode())
	}
	must(t, tool.Grow(t.Context(), target.Name(), 4<<20))
	must(t, tool.Check(t.Context(), target.Name()))
	out, err := exec.Command(tool.Path, "compare", "-f", "raw", "-F", "qcow2", source, target.Name()).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestConvertReadsTheInheritedFileWhateverItsNameIs(t *testing.T) {
	tool, path, target := find(t), raw(t), target(t)
	source, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, source.Close()) })
	must(t, os.Remove(path))
	tool.Inherit = []*os.File{target, source}
	must(t, tool.Convert(t.Context(), "/proc/self/fd/4", "raw", target.Name()))
	must(t, tool.Check(t.Context(), target.Name()))
}

func TestGrowRefusesToShrink(t *testing.T) {
	tool, target := find(t), target(t)
	must(t, tool.Convert(t.Context(), raw(t), "raw", target.Name()))
	if err := tool.Grow(t.Context(), target.Name(), 4096); err == nil {
		t.Error("the image was shrunk")
	}
}

func TestCheckFindsLeaksAndErrors(t *testing.T) {
	tool, target := find(t), target(t)
	must(t, tool.Convert(t.Context(), raw(t), "raw", target.Name()))
	// The tables of references to clusters are in the second and third cluster.
	_, err := target.WriteAt(make([]byte, 64<<10), 2*64<<10)
	must(t, err)
	if err := tool.Check(t.Context(), target.Name()); err == nil || !strings.Contains(err.Error(), "found on the image") {
		t.Errorf("%v", err)
	}
}

func TestVersion(t *testing.T) {
	version, err := find(t).Version(t.Context())
	if err != nil || strings.Trim(version, "0123456789.") != "" || !strings.Contains(version, ".") {
		t.Errorf("%q, %v", version, err)
	}
	if version, err := (Tool{Path: "/bin/echo"}).Version(t.Context()); err == nil {
		t.Errorf("%q", version)
	}
}

func second(_ int64, err error) error { return err }

func TestFlattenCutsTheLinkAndKeepsTheContent(t *testing.T) {
	tool, base, overlay := find(t), target(t), filepath.Join(t.TempDir(), "overlay")
	must(t, tool.Convert(t.Context(), raw(t), "raw", base.Name()))
	out, err := exec.Command(tool.Path, "create", "-q", "-f", "qcow2", "-b", base.Name(), "-F", "qcow2", overlay, "2M").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	needed, err := tool.Measure(t.Context(), overlay)
	must(t, err)
	must(t, tool.Flatten(t.Context(), overlay))
	must(t, os.Truncate(base.Name(), 0)) // nothing is read from it any more
	must(t, tool.Check(t.Context(), overlay))
	info, err := os.Stat(overlay)
	must(t, err)
	if needed < 1<<20 || info.Size() > needed+1<<20 {
		t.Errorf("%d bytes were needed, and %d are taken", needed, info.Size())
	}
}

func TestNamesThatAreNoPathsAreRefused(t *testing.T) {
	tool, there := find(t), raw(t)
	for _, name := range []string{"-f", "json:{}", "nbd:localhost", "a:b.qcow2", "plain", ""} {
		for what, err := range map[string]error{
			"source":  tool.Convert(t.Context(), name, "raw", there),
			"target":  tool.Convert(t.Context(), there, "raw", name),
			"grow":    tool.Grow(t.Context(), name, 1<<20),
			"check":   tool.Check(t.Context(), name),
			"flatten": tool.Flatten(t.Context(), name),
			"measure": second(tool.Measure(t.Context(), name)),
		} {
			if err == nil || !strings.Contains(err.Error(), "absolute") {
				t.Errorf("%s %s: %v", what, name, err)
			}
		}
	}
}
