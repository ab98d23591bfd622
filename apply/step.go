package apply

import (
	"context"
	"fmt"
)

// StepError says at which step an action failed, why, and what is left of it.
type StepError struct {
	Step string
	Err  error
	Left string // what is left, and what to do
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v. %s", e.Step, e.Err, e.Left) }

// Unwrap gives the cause.
func (e *StepError) Unwrap() error { return e.Err }

// step is one safe step of a verb. Killed before, in or after it, a new run
// finds a state that it can go on from.
type step struct {
	name string
	run  func(context.Context) error
}

// perform takes the steps in order. left describes what remains when the step
// with the given name fails or is not begun.
func perform(ctx context.Context, steps []step, tell func(string), left func(step string) string) error {
	for _, s := range steps {
		if ctx.Err() != nil {
			return &StepError{Step: "before " + s.name, Err: ErrInterrupted, Left: left(s.name)}
		}
		tell(s.name)
		if err := s.run(ctx); err != nil {
			return &StepError{Step: s.name, Err: interruption(ctx, err), Left: left(s.name)}
		}
	}
	return nil
}

// interruption makes an error that comes from the cancelled run known as such.
func interruption(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w: %v", ErrInterrupted, err)
}
