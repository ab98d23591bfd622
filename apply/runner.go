// Package apply performs a plan: it schedules the actions, walks through the
// safe steps of each, and tells what happened.
//
// It is the last step of the walk inventory → plan → apply and decides
// nothing: what is done, and in which order, stands in the plan. What it needs
// of a host it names as small interfaces; drivers fulfil them.
package apply

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"pcloud-apply/plan"
)

// ErrInterrupted is the cause of actions that were not begun, or not gone on
// with, because the run's context was cancelled.
var ErrInterrupted = errors.New("interrupted")

// Executor performs single actions. Both methods are called concurrently, for
// different actions.
type Executor interface {
	// Execute performs the action and names each step before taking it. When
	// ctx is cancelled it finishes or undoes the running step and takes no new one.
	Execute(ctx context.Context, a plan.Action, step func(string)) error
	// Await waits until what the action started is of use, and describes it.
	Await(ctx context.Context, a plan.Action) (string, error)
}

// Runner performs plans.
type Runner struct {
	Executor Executor
	Parallel int         // actions executed at once; waiting is not counted
	Observe  func(Event) // called for one event at a time
}

// Run performs the plan and returns when every action has ended. What fails
// does not stop what is independent of it; what depends on it is skipped.
// Run never fails itself: the report has every error.
func (r *Runner) Run(ctx context.Context, p plan.Plan) *Report {
	run := &run{
		Runner: r, plan: p, report: newReport(p), begun: time.Now(),
		slots: semaphore.NewWeighted(int64(max(r.Parallel, 1))),
		ended: make(chan int, len(p.Actions)),
	}
	run.order()
	run.all(ctx)
	run.report.Elapsed = time.Since(run.begun)
	return run.report
}

// run is one run of a plan. The coordinating goroutine owns waiting and ready;
// everything else that is shared is guarded by events.
type run struct {
	*Runner
	plan   plan.Plan
	report *Report
	begun  time.Time
	slots  *semaphore.Weighted
	ended  chan int // buffered for every action: a worker never blocks on it
	events sync.Mutex

	waiting    []int   // by action: dependencies that have not ended
	dependents [][]int // by action: those that wait for it
	ready      []int   // in plan order, so that one slot gives one fixed order
}

func (r *run) order() {
	r.waiting = make([]int, len(r.plan.Actions))
	r.dependents = make([][]int, len(r.plan.Actions))
	for i, needed := range r.plan.Dependencies() {
		r.waiting[i] = len(needed)
		for _, j := range needed {
			r.dependents[j] = append(r.dependents[j], i)
		}
		if len(needed) == 0 {
			r.ready = append(r.ready, i)
		}
	}
}

// all starts what is ready and takes in what has ended until nothing is left.
func (r *run) all(ctx context.Context) {
	var workers errgroup.Group
	for left := len(r.plan.Actions); left > 0; {
		for len(r.ready) > 0 {
			i := r.ready[0]
			r.ready = r.ready[1:]
			r.start(ctx, &workers, i)
		}
		left -= r.end(<-r.ended)
	}
	_ = workers.Wait() // workers return no errors: the report has them
}

// start waits for a slot, so that ready actions begin in their order.
func (r *run) start(ctx context.Context, workers *errgroup.Group, i int) {
	if ctx.Err() != nil || r.slots.Acquire(ctx, 1) != nil {
		r.skip(i, ErrInterrupted)
		r.ended <- i
		return
	}
	workers.Go(func() error {
		release := sync.OnceFunc(func() { r.slots.Release(1) })
		r.perform(ctx, i, release)
		r.ended <- i
		release() // only now, so that one slot gives one fixed order
		return nil
	})
}

func (r *run) perform(ctx context.Context, i int, release func()) {
	action, begun := r.plan.Actions[i], time.Now()
	r.tell(i, Event{Status: Started})
	var watch stopwatch
	err := r.Executor.Execute(ctx, action, func(step string) {
		watch.step(step)
		r.tell(i, Event{Status: Stepped, Step: step})
	})
	watch.stop()
	detail := ""
	if err == nil && Awaits(action) {
		release()
		detail, err = r.await(ctx, i, action)
	}
	status := Succeeded
	if err != nil {
		status = Failed
	}
	r.tell(i, Event{Status: status, Detail: detail, Err: err, Elapsed: time.Since(begun), Stages: watch.stages})
}

// await holds no slot: guests boot while others are still being made.
func (r *run) await(ctx context.Context, i int, action plan.Action) (string, error) {
	r.tell(i, Event{Status: Stepped, Step: "waiting for " + action.Spawn.Wait.For})
	return r.Executor.Await(ctx, action)
}

// Awaits tells whether the action ends with waiting for its spawn.
func Awaits(a plan.Action) bool {
	return a.Spawn != nil && a.Start && a.Spawn.Wait.For != "none" && a.Spawn.Wait.For != ""
}

// end releases what waited for action i, or skips it when i did not succeed.
// It returns how many actions have ended thereby.
func (r *run) end(i int) int {
	count := 1
	for _, j := range r.dependents[i] {
		if r.report.Results[j].Status == Skipped {
			continue
		}
		if r.report.Results[i].Status != Succeeded {
			r.skip(j, &DependencyError{On: r.plan.Actions[i].ID()})
			count += r.end(j)
			continue
		}
		if r.waiting[j]--; r.waiting[j] == 0 {
			r.ready = append(r.ready, j)
		}
	}
	return count
}

func (r *run) skip(i int, cause error) { r.tell(i, Event{Status: Skipped, Err: cause}) }

// tell records an event in the report and passes it on.
func (r *run) tell(i int, e Event) {
	r.events.Lock()
	defer r.events.Unlock()
	e.Index, e.Action = i, r.plan.Actions[i]
	r.report.record(e)
	if r.Observe != nil {
		r.Observe(e)
	}
}
