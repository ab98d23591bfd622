package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-multierror"
	"pgregory.net/rapid"

	"pcloud-apply/plan"
)

func imageDestroy(hash string) plan.Action {
	a := build(hash)
	a.Verb = plan.Destroy
	return a
}

func pulling(name, hash string) plan.Action {
	a := create(name, hash)
	a.Verb, a.Pull = plan.Update, true
	return a
}

// drawGraph gives actions of all kinds, in any order.
func drawGraph(t *rapid.T) plan.Plan {
	var p plan.Plan
	add := func(a plan.Action) { p.Actions = append(p.Actions, a) }
	hash := rapid.SampledFrom([]string{"a", "b", "c"})
	for i := range rapid.IntRange(0, 10).Draw(t, "spawns") {
		name := fmt.Sprint("vm", i)
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			add(destroy(name))
		case 1:
			add(destroy(name))
			add(create(name, hash.Draw(t, "hash")))
		case 2:
			add(create(name, hash.Draw(t, "hash")))
		case 3:
			add(pulling(name, hash.Draw(t, "hash")))
		}
	}
	for _, hash := range []string{"a", "b", "c"} {
		if rapid.Bool().Draw(t, "build") {
			add(build(hash))
		}
	}
	add(imageDestroy("old"))
	p.Actions = rapid.Permutation(p.Actions).Draw(t, "order")
	return p
}

// failing is an executor that fails some actions and awaits nothing.
func failing(fails map[plan.ID]bool) executor {
	return executor{execute: func(_ context.Context, a plan.Action) error {
		if fails[a.ID()] {
			return fmt.Errorf("%s is broken", a.ID())
		}
		return nil
	}}
}

// TestFailuresSkipWhatDependsOnThem, and nothing else: each skipped action
// names one that it needs, and each failure is reported once.
func TestFailuresSkipWhatDependsOnThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, fails := drawGraph(t), map[plan.ID]bool{}
		for _, a := range p.Actions {
			fails[a.ID()] = rapid.IntRange(0, 4).Draw(t, "fails") == 0
		}
		runner := Runner{Parallel: rapid.IntRange(1, 4).Draw(t, "parallel"), Executor: failing(fails)}
		report := runner.Run(context.Background(), p)
		failed := 0
		for i, needed := range p.Dependencies() {
			result, broken := report.Results[i], []plan.ID{}
			for _, j := range needed {
				if report.Results[j].Status != Succeeded {
					broken = append(broken, p.Actions[j].ID())
				}
			}
			var cause *DependencyError
			switch id := result.Action.ID(); {
			case len(broken) > 0 && (result.Status != Skipped || !errors.As(result.Err, &cause) || !slices.Contains(broken, cause.On)):
				t.Fatalf("%s needs %v: %s, %v", id, broken, result.Status, result.Err)
			case len(broken) == 0 && (result.Status == Failed) != fails[id], len(broken) == 0 && result.Status == Skipped:
				t.Fatalf("%s: %s, %v", id, result.Status, result.Err)
			case result.Status == Failed:
				failed++
			}
		}
		var all *multierror.Error
		if errors.As(report.Err(), &all); failed > 0 && len(all.Errors) != failed || failed == 0 && report.Err() != nil {
			t.Fatalf("%d failed: %v", failed, report.Err())
		}
	})
}

// TestAfterACancellationNothingStarts, but what had its slot by then.
func TestAfterACancellationNothingStarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, limit := drawGraph(t), rapid.IntRange(1, 3).Draw(t, "parallel")
		stop := rapid.IntRange(1, len(p.Actions)).Draw(t, "cancelled by start")
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var mu sync.Mutex
		started := 0
		runner := Runner{Parallel: limit, Executor: executor{execute: func(context.Context, plan.Action) error {
			mu.Lock()
			defer mu.Unlock()
			if started++; started == stop {
				cancel()
			}
			return nil
		}}}
		report := runner.Run(ctx, p)
		if started > stop+limit-1 {
			t.Fatalf("%d started, cancelled by number %d of %d at once", started, stop, limit)
		}
		for _, result := range report.Results {
			var cause *DependencyError
			if result.Status == Skipped && !errors.Is(result.Err, ErrInterrupted) && !errors.As(result.Err, &cause) || result.Status == "" {
				t.Fatalf("%s: %q, %v", result.Action.ID(), result.Status, result.Err)
			}
		}
		if report.Complete() == report.Interrupted() {
			t.Fatalf("complete: %v, interrupted: %v", report.Complete(), report.Interrupted())
		}
	})
}

// TestOneSlotGivesOneFixedOrder also of actions that had to wait, and of all events.
func TestOneSlotGivesOneFixedOrder(t *testing.T) {
	p := plan.Plan{Actions: []plan.Action{build("a"), build("b"), destroy("x"), create("x", "b"), create("y", "a"), create("z", "b")}}
	want := []string{}
	for _, id := range []int{0, 1, 2, 4, 5, 3} {
		for _, status := range []Status{Started, Stepped, Succeeded} {
			want = append(want, fmt.Sprintf("%s: %s", p.Actions[id].ID(), status))
		}
	}
	for range 300 {
		got := []string{}
		runner := Runner{Parallel: 1, Executor: failing(nil), Observe: func(e Event) {
			got = append(got, fmt.Sprintf("%s: %s", e.Action.ID(), e.Status))
		}}
		runner.Run(t.Context(), p)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestNoMoreIsOpenThanMayRun: an observer that draws one line for each running
// action needs no more lines than there are slots.
func TestNoMoreIsOpenThanMayRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, limit := drawGraph(t), rapid.IntRange(1, 4).Draw(t, "parallel")
		open := map[int]bool{}
		runner := Runner{Parallel: limit, Executor: failing(nil), Observe: func(e Event) {
			if open[e.Index] = e.Status == Started || e.Status == Stepped; !open[e.Index] {
				delete(open, e.Index)
			}
			if len(open) > limit {
				t.Errorf("%d are open, %d may run", len(open), limit)
			}
		}}
		runner.Run(context.Background(), p)
	})
}

func TestAPlanOfNothingEnds(t *testing.T) {
	report := (&Runner{Executor: failing(nil)}).Run(t.Context(), plan.Plan{})
	if !report.Complete() || report.Interrupted() || report.Err() != nil {
		t.Errorf("%+v", report)
	}
}

func TestWhatIsAwaited(t *testing.T) {
	for name, c := range map[string]struct {
		start bool
		wait  string
		want  bool
	}{
		"an address": {true, "ip", true}, "a login": {true, "ssh", true}, "nothing": {true, "none", false},
		"what is not said": {true, "", false}, "not what stays off": {false, "ip", false},
	} {
		a := create("x", "a")
		a.Start, a.Spawn.Wait.For = c.start, c.wait
		if got := Awaits(a); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if Awaits(build("a")) {
		t.Error("an image is awaited")
	}
}

func TestAWaitThatRunsOutFails(t *testing.T) {
	a := create("x", "a")
	a.Start, a.Spawn.Wait.For = true, "ip"
	p := plan.Plan{Actions: []plan.Action{a, create("y", "a")}}
	none := executor{
		execute: func(context.Context, plan.Action) error { return nil },
		await:   func(context.Context, plan.Action) (string, error) { return "", errors.New("no lease") },
	}
	report := (&Runner{Parallel: 1, Executor: none}).Run(t.Context(), p)
	if got := report.Err(); got == nil || got.Error() != "spawn x: no lease" || report.Results[1].Status != Succeeded {
		t.Errorf("%v, %+v", got, report.Results)
	}
}
