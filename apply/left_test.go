package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pcloud-apply/plan"
)

// execute does one action on a fake host.
func execute(ctx context.Context, f *fake, a plan.Action) error {
	return Hosts{"h": f.host()}.Execute(ctx, a, func(string) {})
}

// failed is the step error of an action that is to fail.
func failed(t *testing.T, err error) *StepError {
	t.Helper()
	var failed *StepError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no error of a step", err)
	}
	return failed
}

func TestEveryFailureTellsTheStepAndWhatIsLeft(t *testing.T) {
	kept := verbs["spawn, half-made"].action
	for name, c := range map[string]struct {
		action     plan.Action
		failAt     string
		step, left string
	}{
		"no sound image":            {verbs["spawn"].action, "check", "check image", "Nothing was made"},
		"the name is taken":         {verbs["spawn"].action, "define", "define", "Nothing was made"},
		"no room for the disk":      {verbs["spawn"].action, "create tiny.web.qcow2", "disk", "Left: domain tiny.web, half-made. The next apply"},
		"no room for an extra disk": {verbs["spawn"].action, "create tiny.web.data", "disk data", "Left: domain tiny.web, half-made"},
		"no seed":                   {verbs["spawn"].action, "write seed", "seed", "Left: domain tiny.web, half-made"},
		"no mark":                   {verbs["spawn"].action, "mark", "mark ready", "Left: domain tiny.web, half-made"},
		"no autostart":              {verbs["spawn"].action, "autostart", "autostart", "It is made; the next apply goes on"},
		"leases unknown":            {verbs["spawn"].action, "remember", "start", "It is made"},
		"no start":                  {verbs["spawn"].action, "start", "start", "It is made"},
		"kept disks":                {kept, "write seed", "seed", "half-made on disks that were there before"},
		"no redefinition":           {kept, "redefine", "redefine", "to destroy it would take those disks, too"},
		"an update":                 {verbs["update"].action, "autostart", "autostart", "What was changed before stays changed"},
		"a stop":                    {verbs["update, stop"].action, "stop", "stop", "What was changed before stays changed"},
		"growing":                   {verbs["update, grow and consolidate"].action, "grow", "grow tiny.web.qcow2", "What was changed before"},
		"no room for a pull":        {verbs["update, grow and consolidate"].action, "room", "consolidate", "What was changed before"},
		"references unread":         {verbs["destroy"].action, "references", "check", "Nothing was changed"},
		"no mark of deletion":       {verbs["destroy"].action, "mark", "mark deleting", "Nothing was changed"},
		"not switched off":          {verbs["destroy"].action, "kill", "power off", "Left: domain tiny.web, marked as deleting"},
		"a volume stays":            {verbs["destroy"].action, "delete tiny.web.data", "delete tiny.web.data.qcow2", "marked as deleting"},
		"the seed stays":            {verbs["destroy"].action, "remove seed", "delete seed", "marked as deleting"},
		"the definition stays":      {verbs["destroy"].action, "undefine", "undefine", "The next apply finishes it"},
		"nothing published":         {verbs["build"].action, "publish", "publish", "Nothing of it is left, unless it has its final name"},
		"the pool is not refreshed": {verbs["build"].action, "refresh", "refresh pool", "The image is published"},
		"not mended":                {verbs["mend"].action, "mend", "mend", "The image itself is as it was"},
		"not removed":               {verbs["remove image"].action, "remove", "remove", "The next apply goes on"},
		"a leftover":                {verbs["leftover"].action, "remove leftover", "remove", "It is in nobody's way"},
	} {
		t.Run(name, func(t *testing.T) {
			err := failed(t, execute(t.Context(), &fake{failAt: c.failAt}, c.action))
			if err.Step != c.step || !strings.Contains(err.Left, c.left) || !errors.Is(err, errFake) {
				t.Errorf("step %q, left %q, cause %v", err.Step, err.Left, err.Err)
			}
		})
	}
}

func TestACancelledRunTakesNoFirstStep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range verbs {
		f := &fake{}
		err := failed(t, execute(ctx, f, c.action))
		if len(f.calls) > 0 || !errors.Is(err, ErrInterrupted) || !strings.HasPrefix(err.Step, "before ") {
			t.Errorf("%s: %v, %v", name, f.calls, err)
		}
	}
}

func TestAnErrorOfACancelledRunIsAnInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{failAt: "stop"}
	err := Hosts{"h": f.host()}.Execute(ctx, verbs["update, stop"].action, func(string) { cancel() })
	if !errors.Is(err, ErrInterrupted) || !strings.Contains(err.Error(), "no space left") {
		t.Error(err)
	}
}

func TestWhatCannotBeDoneIsNotDone(t *testing.T) {
	exploding := plan.Action{Verb: "explode", Host: "h", Spawn: web(made)}
	elsewhere := verbs["destroy"].action
	elsewhere.Host = "elsewhere"
	for name, a := range map[string]plan.Action{
		"an image is not spawned": imageAction(plan.Create), "no such verb": imageAction("explode"),
		"no such verb for spawns": exploding, "an unknown host": elsewhere,
	} {
		f := &fake{}
		if err := execute(t.Context(), f, a); err == nil || len(f.calls) > 0 {
			t.Errorf("%s: %v, %v", name, err, f.calls)
		}
	}
}

// A kept overlay is as large as it is, whatever its golden image has become.
func TestOnlyANewDiskMustHoldItsImage(t *testing.T) {
	small := func(s *plan.Spawn) { s.Disk, s.Disks, s.At = 1<<10, nil, "cloud.yaml:9:3" }
	a := plan.Action{Verb: plan.Create, Host: "h", Spawn: web(small)}
	err := failed(t, execute(t.Context(), &fake{}, a))
	if err.Step != "check image" || !strings.Contains(err.Error(), "cloud.yaml:9:3") {
		t.Error(err)
	}
	a.Keep = []string{"tiny.web.qcow2"}
	must(t, execute(t.Context(), &fake{}, a))
}

func TestASpawnGrowsWhatItKeepsAndThenStandsAlone(t *testing.T) {
	a := plan.Action{
		Verb: plan.Create, Host: "h", Spawn: web(func(s *plan.Spawn) { s.Autostart, s.Disks = false, nil }), Pull: true, Start: true,
		Keep: []string{"tiny.web.qcow2", "tiny.web.seed.iso"}, Grow: []plan.Growth{{Volume: "tiny.web.qcow2", Size: 9}},
	}
	f := &fake{running: true}
	must(t, execute(t.Context(), f, a))
	want := []string{
		"check tiny.golden-abc", "define tiny.web", "running?", "resize tiny.web.qcow2 9", "mark new-uuid ready",
		"remember leases", "start new-uuid", "backing of tiny.web.qcow2", "room for tiny.web.qcow2", "running?",
		"pull new-uuid", "backing of tiny.web.qcow2",
	}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Error(diff)
	}
}

// What a run began to destroy is finished: its disks may be gone already. Yet
// what others use by now stays.
func TestAHalfMadeDestructionIsFinished(t *testing.T) {
	f := &fake{references: plan.References{
		Snapshots: map[string]int{"u": 1}, Unknown: []string{"image x"},
		Users: map[string][]plan.User{"/pool/tiny.web.data.qcow2": {{Kind: "image", Name: "/x"}}},
	}}
	a := plan.Action{Verb: plan.Destroy, Host: "h", Spawn: web(made, func(s *plan.Spawn) { s.Phase = plan.Deleting })}
	must(t, execute(t.Context(), f, a))
	want := []string{
		"references", "mark u deleting", "kill u", "delete tiny.web.qcow2",
		"forget tiny.web.seed.iso", "remove seed tiny.web.seed.iso", "undefine u",
	}
	if diff := cmp.Diff(want, f.calls); diff != "" {
		t.Error(diff)
	}
	err := failed(t, execute(t.Context(), &fake{failAt: "references"}, a))
	if !strings.Contains(err.Left, "marked as deleting") {
		t.Error(err)
	}
}

func TestReferencesThatCannotBeReadStopEveryDestroy(t *testing.T) {
	f := &fake{failAt: "references"}
	hosts := Hosts{"h": f.host()}
	for i := range 3 {
		err := failed(t, hosts.Execute(t.Context(), verbs["destroy"].action, func(string) {}))
		if err.Step != "check" || !errors.Is(err, errFake) || len(f.calls) != 1 {
			t.Errorf("destroy %d: %v, %v", i, err, f.calls)
		}
	}
}

func TestAnImageOfUnknownUseIsNotRemoved(t *testing.T) {
	f := &fake{references: plan.References{Unknown: []string{"pool x"}}}
	err := failed(t, execute(t.Context(), f, imageAction(plan.Destroy)))
	if err.Step != "check" || len(f.calls) != 1 || !strings.Contains(err.Error(), "pool x") {
		t.Errorf("%v, %v", err, f.calls)
	}
}

func TestAPlanIsNotChangedByItsPerformance(t *testing.T) {
	f := &fake{references: plan.References{Users: map[string][]plan.User{
		"/pool/tiny.web.qcow2": {{Kind: "image", Name: "/x"}, {Kind: "image", Name: "/y"}},
	}}}
	a := verbs["destroy"].action
	a.Keep = append(make([]string, 0, 9), "tiny.web.data.qcow2")
	before := fmt.Sprintf("%+v %v", *a.Spawn, a.Keep[:3])
	must(t, execute(t.Context(), f, a))
	if after := fmt.Sprintf("%+v %v", *a.Spawn, a.Keep[:3]); after != before {
		t.Errorf("%s\n%s", before, after)
	}
}
