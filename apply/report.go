package apply

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"pcloud-apply/plan"
)

// Status is how far an action has come.
type Status string

// The statuses. The last three are final.
const (
	Started   Status = "started"
	Stepped   Status = "step"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Skipped   Status = "skipped"
)

// Event tells one thing about one action.
type Event struct {
	Index   int // of the action in its plan
	Action  plan.Action
	Status  Status
	Step    string        // Stepped: the step that is about to be taken
	Detail  string        // Succeeded: what a waiter found, for example an address
	Err     error         // Failed and Skipped: why
	Elapsed time.Duration // Succeeded and Failed
	Stages  []Stage       // Succeeded and Failed: those of Elapsed that are not waiting for a spawn
}

// DependencyError is the cause of an action that was skipped because another
// one, whose own error is reported, did not succeed.
type DependencyError struct{ On plan.ID }

func (e *DependencyError) Error() string {
	return fmt.Sprintf("it needs %q, which did not succeed", e.On)
}

// Result is how an action ended.
type Result struct {
	Action  plan.Action
	Status  Status
	Detail  string
	Err     error
	Elapsed time.Duration
	Stages  []Stage
}

// Report is what a run has done, action by action in plan order.
type Report struct {
	Results []Result
	Elapsed time.Duration
}

func newReport(p plan.Plan) *Report {
	report := &Report{Results: make([]Result, len(p.Actions))}
	for i, a := range p.Actions {
		report.Results[i].Action = a
	}
	return report
}

func (r *Report) record(e Event) {
	if e.Status == Started || e.Status == Stepped {
		return
	}
	result := &r.Results[e.Index]
	result.Status, result.Detail, result.Err, result.Elapsed, result.Stages = e.Status, e.Detail, e.Err, e.Elapsed, e.Stages
}

// Interrupted tells whether the run was cut short.
func (r *Report) Interrupted() bool {
	for _, result := range r.Results {
		if errors.Is(result.Err, ErrInterrupted) {
			return true
		}
	}
	return false
}

// Err is every cause of failure once, in plan order; nil when all succeeded.
// What was skipped because of one of them is not a cause of its own.
func (r *Report) Err() error {
	var all *multierror.Error
	for _, result := range r.Results {
		if result.Status == Failed {
			all = multierror.Append(all, fmt.Errorf("%s %s: %w", result.Action.Kind(), result.Action.Name(), result.Err))
		}
	}
	if all != nil {
		all.ErrorFormat = oneALine
	}
	return all.ErrorOrNil()
}

func oneALine(errs []error) string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = strings.Join(strings.Fields(err.Error()), " ") // a tool's output must not tear it apart
	}
	return strings.Join(lines, "\n")
}

// Complete tells whether every action succeeded.
func (r *Report) Complete() bool {
	for _, result := range r.Results {
		if result.Status != Succeeded {
			return false
		}
	}
	return true
}
