package pooldir

import (
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

	"pcloud-apply/plan"
)

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
