package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"pcloud-apply/plan"
)

// executor is an Executor of two functions.
type executor struct {
	execute func(context.Context, plan.Action) error
	await   func(context.Context, plan.Action) (string, error)
}

func (e executor) Execute(ctx context.Context, a plan.Action, step func(string)) error {
	step("do")
	return e.execute(ctx, a)
}

func (e executor) Await(ctx context.Context, a plan.Action) (string, error) { return e.await(ctx, a) }

func build(hash string) plan.Action {
	return plan.Action{Verb: plan.Build, Host: "h", Image: &plan.Generation{Host: "h", Image: "i", Hash: hash}}
}

func create(name, hash string) plan.Action {
	return plan.Action{Verb: plan.Create, Host: "h", Spawn: &plan.Spawn{Host: "h", Name: name, Image: "i", Generation: hash}}
}

func destroy(name string) plan.Action {
	return plan.Action{Verb: plan.Destroy, Host: "h", Spawn: &plan.Spawn{Host: "h", Name: name}}
}

// drawPlan gives a random plan in an order that satisfies its dependencies.
func drawPlan(t *rapid.T) plan.Plan {
	var p plan.Plan
	hashes := []string{"a", "b", "c"}
	for i := range rapid.IntRange(0, 4).Draw(t, "destroys") {
		p.Actions = append(p.Actions, destroy(fmt.Sprint("vm", i)))
	}
	for _, hash := range hashes {
		if rapid.Bool().Draw(t, "build "+hash) {
			p.Actions = append(p.Actions, build(hash))
		}
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "spawns") {
		p.Actions = append(p.Actions, create(fmt.Sprint("vm", i), rapid.SampledFrom(hashes).Draw(t, "hash")))
	}
	return p
}

func TestEveryActionEndsOnceAfterWhatItNeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, limit := drawPlan(t), rapid.IntRange(1, 5).Draw(t, "parallel")
		failing := rapid.IntRange(-1, len(p.Actions)).Draw(t, "failing")
		var running, peak atomic.Int64
		var mu sync.Mutex
		succeeded := map[plan.ID]bool{}
		needed := map[plan.ID][]plan.ID{}
		for i, js := range p.Dependencies() {
			for _, j := range js {
				needed[p.Actions[i].ID()] = append(needed[p.Actions[i].ID()], p.Actions[j].ID())
			}
		}
		final := map[int]int{}
		runner := Runner{Parallel: limit, Executor: executor{execute: func(_ context.Context, a plan.Action) error {
			now := running.Add(1)
			defer running.Add(-1)
			for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range needed[a.ID()] {
				if !succeeded[id] {
					t.Errorf("%s ran before %s had succeeded", a.ID(), id)
				}
			}
			if failing >= 0 && failing < len(p.Actions) && a.ID() == p.Actions[failing].ID() {
				return errors.New("broken")
			}
			succeeded[a.ID()] = true
			return nil
		}}, Observe: func(e Event) {
			if e.Status != Started && e.Status != Stepped {
				final[e.Index]++
			}
		}}
		report := runner.Run(context.Background(), p)
		if peak.Load() > int64(limit) {
			t.Errorf("%d at once, %d allowed", peak.Load(), limit)
		}
		for i, result := range report.Results {
			if final[i] != 1 || result.Status == "" {
				t.Errorf("%s ended %d times: %q", result.Action.ID(), final[i], result.Status)
			}
			skip := slices.ContainsFunc(needed[result.Action.ID()], func(id plan.ID) bool { return !succeeded[id] })
			if skip != (result.Status == Skipped) {
				t.Errorf("%s: %s, skip: %v", result.Action.ID(), result.Status, skip)
			}
		}
	})
}

func TestACauseIsReportedOnce(t *testing.T) {
	p := plan.Plan{Actions: []plan.Action{build("a"), create("x", "a"), create("y", "a"), create("z", "b")}}
	runner := Runner{Parallel: 2, Executor: executor{execute: func(_ context.Context, a plan.Action) error {
		if a.Verb == plan.Build {
			return errors.New("no space")
		}
		return nil
	}}}
	report := runner.Run(t.Context(), p)
	if got := report.Err().Error(); got != "image i: no space" {
		t.Errorf("%q", got)
	}
	var dependency *DependencyError
	if !errors.As(report.Results[1].Err, &dependency) || dependency.On != p.Actions[0].ID() {
		t.Errorf("%v", report.Results[1].Err)
	}
	if report.Results[3].Status != Succeeded {
		t.Error("what was independent was not done")
	}
}

func TestOneSlotGivesPlanOrder(t *testing.T) {
	var p plan.Plan
	for i := range 20 {
		p.Actions = append(p.Actions, create(fmt.Sprint(i), "a"))
	}
	for range 20 {
		var order []string
		runner := Runner{Parallel: 1, Executor: executor{execute: func(_ context.Context, a plan.Action) error {
			order = append(order, a.Spawn.Name)
			return nil
		}}}
		runner.Run(t.Context(), p)
		for i, name := range order {
			if name != fmt.Sprint(i) {
				t.Fatalf("%v", order)
			}
		}
	}
}

func TestWaitingHoldsNoSlot(t *testing.T) {
	var p plan.Plan
	for i := range 5 {
		a := create(fmt.Sprint(i), "a")
		a.Start, a.Spawn.Wait.For = true, "ip"
		p.Actions = append(p.Actions, a)
	}
	var waiting sync.WaitGroup
	waiting.Add(len(p.Actions))
	runner := Runner{Parallel: 1, Executor: executor{
		execute: func(context.Context, plan.Action) error { return nil },
		await: func(context.Context, plan.Action) (string, error) {
			waiting.Done()
			waiting.Wait() // ends only if all wait at once
			return "10.0.0.1", nil
		},
	}}
	if report := runner.Run(t.Context(), p); !report.Complete() || report.Results[0].Detail != "10.0.0.1" {
		t.Errorf("%+v", report.Results)
	}
}

func TestACancelledRunStartsNothingNew(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := plan.Plan{Actions: []plan.Action{build("a"), create("x", "a"), create("y", "b"), create("z", "b")}}
	runner := Runner{Parallel: 1, Executor: executor{execute: func(_ context.Context, a plan.Action) error {
		if a.Verb != plan.Build {
			t.Errorf("%s was started", a.ID())
		}
		cancel()
		return nil
	}}}
	report := runner.Run(ctx, p)
	if !report.Interrupted() || report.Results[0].Status != Succeeded {
		t.Errorf("%+v", report.Results)
	}
	for _, result := range report.Results[1:] {
		if result.Status != Skipped || !errors.Is(result.Err, ErrInterrupted) {
			t.Errorf("%s: %s, %v", result.Action.ID(), result.Status, result.Err)
		}
	}
}
