package pooldir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"pcloud-apply/plan"
)

// doomed is what a process does until it is killed.
type doomed struct {
	Folder string
	Image  plan.Generation
	Remove bool
	Step   string // before which it is killed
}

const doomEnv = "POOLDIR_TEST_DOOMED"

// TestMain lets the tests run this program again as a process to be killed.
func TestMain(m *testing.M) {
	text, ok := os.LookupEnv(doomEnv)
	if !ok {
		os.Exit(m.Run())
	}
	var d doomed
	fmt.Fprintln(os.Stderr, "not killed:", errors.Join(json.Unmarshal([]byte(text), &d), d.run()))
	os.Exit(1)
}

func (d doomed) run() error {
	f, err := newFolder(d.Folder)
	if err != nil {
		return err
	}
	do := f.Remove
	if !d.Remove {
		do = func(ctx context.Context, g plan.Generation, step func(string)) error {
			return f.Publish(ctx, g, Making{}, step)
		}
	}
	return do(context.Background(), d.Image, func(step string) {
		if step == d.Step && syscall.Kill(os.Getpid(), syscall.SIGKILL) == nil {
			select {} // the signal may be on its way
		}
	})
}

// kill runs it in a process that is killed before the step.
func (d doomed) kill(t *testing.T) {
	t.Helper()
	text, err := json.Marshal(d)
	must(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), doomEnv+"="+string(text))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s: %v: %s", d.Step, err, out)
	}
}

func sweep(t *testing.T, f *Folder) {
	t.Helper()
	for _, l := range contents(t, f).Leftovers {
		must(t, f.RemoveLeftover(t.Context(), l.Name))
	}
}

// Whenever a publish is killed, a final name means a complete image, what is
// left is known as left, and the next publish goes on from there.
func TestAKilledPublishIsFinishedByTheNext(t *testing.T) {
	for n, step := range steps {
		f, g := folder(t), generation(t, hash12)
		doomed{Folder: f.Path, Image: g, Step: step}.kill(t)
		named, marked := n > slices.Index(steps, "rename"), n > slices.Index(steps, "write manifest")
		c := contents(t, f)
		if len(c.Images) == 1 != marked || marked && c.Images[0].Complete != named {
			t.Errorf("killed before %s: %+v", step, c.Images)
		}
		if (len(c.Leftovers) == 1) == named {
			t.Errorf("killed before %s: left: %+v", step, c.Leftovers)
		}
		if named {
			_, err := f.Check(t.Context(), g)
			must(t, err)
			must(t, f.Mend(t.Context(), g, quiet))
		}
		sweep(t, f)
		publish(t, f, g)
		sound(t, f, g)
	}
}

func TestAKilledRemovalIsFinishedByTheNext(t *testing.T) {
	for _, step := range []string{"remove image", "remove manifest"} {
		f, g := folder(t), generation(t, hash12)
		publish(t, f, g)
		doomed{Folder: f.Path, Image: g, Remove: true, Step: step}.kill(t)
		if got := found(t, f); got.Complete != (step == "remove image") || got.Damage != "" {
			t.Errorf("killed before %s: %+v", step, got)
		}
		must(t, f.Remove(t.Context(), g, quiet))
		holds(t, f)
	}
}
