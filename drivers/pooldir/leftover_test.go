package pooldir

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const leftover = ".pcloud-lab.1234567.tmp"

// leftovers are the names that an inspection gives.
func leftovers(t *testing.T, f *Folder) string {
	t.Helper()
	var names []string
	for _, l := range contents(t, f).Leftovers {
		if l.Host != "local" {
			t.Errorf("%+v", l)
		}
		names = append(names, l.Name)
	}
	return strings.Join(names, " ")
}

func TestLeftoversAreThoseThatNobodyHolds(t *testing.T) {
	f := folder(t)
	held, err := f.newTemp()
	must(t, err)
	must(t, os.WriteFile(f.path(leftover), nil, 0o600))
	if got := leftovers(t, f); got != leftover {
		t.Errorf("%s", got)
	}
	refused(t, "held", f.RemoveLeftover(t.Context(), filepath.Base(held.Name())), "is in use")
	for range 2 {
		must(t, f.RemoveLeftover(t.Context(), leftover))
	}
	holds(t, f, filepath.Base(held.Name()))
	must(t, held.discard())
	holds(t, f)
}

// A tool goes on writing when the program that ran it was killed.
func TestAFileIsHeldByTheToolThatOutlivesItsWriter(t *testing.T) {
	f := folder(t)
	file, err := f.newTemp()
	must(t, err)
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{file.File}
	gate, err := child.StdinPipe()
	must(t, err)
	must(t, child.Start())
	must(t, file.Close()) // as the kernel does with a killed writer's
	if got := leftovers(t, f); got != "" {
		t.Errorf("%s", got)
	}
	refused(t, "held", f.RemoveLeftover(t.Context(), filepath.Base(file.Name())), "is in use")
	must(t, gate.Close())
	must(t, child.Wait())
	if got := leftovers(t, f); got != filepath.Base(file.Name()) {
		t.Errorf("%s", got)
	}
}

// Those who look do not keep each other from it, nor from removing.
func TestLookingDoesNotHold(t *testing.T) {
	f := folder(t)
	must(t, os.WriteFile(f.path(leftover), nil, 0o600))
	other, err := os.Open(f.path(leftover))
	must(t, err)
	if free, err := unheld(other); !free || err != nil {
		t.Errorf("%v, %v", free, err)
	}
	if got := leftovers(t, f); got != leftover {
		t.Errorf("%s", got)
	}
	must(t, f.RemoveLeftover(t.Context(), leftover))
	must(t, other.Close())
	holds(t, f)
}

func TestOnlyOurOwnTemporaryFilesAreLeftovers(t *testing.T) {
	f := folder(t)
	names := []string{
		".pcloud-lab-2.123.tmp", ".pcloud-la.123.tmp", ".pcloud-lab.tmp", ".pcloud-lab..tmp", ".pcloud-lab.1.2.tmp",
		".pcloud-lab.123", ".pcloud-lab.123.tmp.x", "x.pcloud-lab.123.tmp", ".pcloud-lab.A.tmp",
	}
	for _, name := range names {
		must(t, os.WriteFile(f.path(name), nil, 0o600))
	}
	before := world(t, f)
	if got := leftovers(t, f); got != "" {
		t.Errorf("%s", got)
	}
	for _, name := range append(names, "../"+leftover, ".pcloud-lab./../x.tmp", "tiny.web.qcow2", "", ".") {
		refused(t, name, f.RemoveLeftover(t.Context(), name), "is no temporary file")
	}
	if after := world(t, f); after != before {
		t.Errorf("%s%s", before, after)
	}
}

func TestWhatIsNoFileIsNoLeftover(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"link":   func(path string) error { return os.Symlink(canary(t), path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":   func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		f := folder(t)
		must(t, make(f.path(leftover)))
		if got := leftovers(t, f); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		refused(t, name, f.RemoveLeftover(t.Context(), leftover), "not a regular file")
		holds(t, f, leftover)
	}
}

// Between its making and its locking a file looks like a leftover. Who writes
// to it notices that it was removed, and begins another.
func TestAFileThatIsTakenForALeftoverIsMadeAnew(t *testing.T) {
	f := folder(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			file, err := f.newTemp()
			if err != nil {
				t.Error(err)
				return
			}
			if !f.is(file.File) {
				t.Error("the file has lost its name")
			}
			if err := file.discard(); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		select {
		case <-done:
			holds(t, f)
			return
		default:
		}
		for _, l := range contents(t, f).Leftovers {
			_ = f.RemoveLeftover(t.Context(), l.Name) // it may be in use by now
		}
	}
}
