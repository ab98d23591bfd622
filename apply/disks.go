package apply

import (
	"context"
	"errors"
	"fmt"

	"pcloud-apply/plan"
)

// Blocks changes the disks of running spawns.
type Blocks interface {
	// Running tells whether the spawn runs now.
	Running(ctx context.Context, s plan.Spawn) (bool, error)
	// Resize grows a volume of a running spawn to size bytes.
	Resize(ctx context.Context, s plan.Spawn, volume string, size int64) error
	// Pull copies what the spawn's root volume lacks into it while the spawn
	// runs, and returns when it is done. A pull that runs already is adopted.
	// A cancelled ctx leaves it running.
	Pull(ctx context.Context, s plan.Spawn, tell func(string)) error
}

// Overlays changes volumes that no guest has open.
type Overlays interface {
	Grow(ctx context.Context, volume string, size int64) error
	// Room fails when the pool has no room for what a consolidation writes.
	Room(ctx context.Context, volume string) error
	// Flatten copies what the volume lacks into it and cuts the link to its backing file.
	Flatten(ctx context.Context, volume string) error
	// Backing reads the name of the volume's backing file from its header; "" is none.
	Backing(volume string) (string, error)
}

// growSteps has a step for each volume that grows.
func (h *Host) growSteps(a plan.Action, s *plan.Spawn) []step {
	var steps []step
	for _, g := range a.Grow {
		steps = append(steps, step{"grow " + g.Volume, func(ctx context.Context) error { return h.grow(ctx, *s, g) }})
	}
	return steps
}

func (h *Host) grow(ctx context.Context, s plan.Spawn, g plan.Growth) error {
	running, err := h.Blocks.Running(ctx, s)
	switch {
	case err != nil:
		return err
	case running:
		return h.Blocks.Resize(ctx, s, g.Volume, g.Size)
	}
	return h.Overlays.Grow(ctx, g.Volume, g.Size)
}

// pullStep makes the root volume stand alone, always by pulling: what is
// copied changes nothing that the guest sees, so that it can be cut off anywhere
// and simply done again.
func (h *Host) pullStep(s *plan.Spawn, tell func(string)) step {
	return step{"consolidate", func(ctx context.Context) error { return h.pull(ctx, *s, tell) }}
}

func (h *Host) pull(ctx context.Context, s plan.Spawn, tell func(string)) error {
	backing, err := h.Overlays.Backing(s.Volume())
	if err != nil || backing == "" {
		return err
	}
	if err := h.Overlays.Room(ctx, s.Volume()); err != nil {
		return err
	}
	running, err := h.Blocks.Running(ctx, s)
	switch {
	case err != nil:
		return err
	case running:
		err = h.Blocks.Pull(ctx, s, tell)
	default:
		err = h.Overlays.Flatten(ctx, s.Volume())
	}
	if err != nil {
		return err
	}
	return h.standsAlone(s)
}

// standsAlone reads the header: a pull that ran out of space ends without an error.
func (h *Host) standsAlone(s plan.Spawn) error {
	backing, err := h.Overlays.Backing(s.Volume())
	if err == nil && backing != "" {
		err = errors.New("the pull has ended, but the disk still has its backing file: is the pool full?")
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", s.Volume(), err)
	}
	return nil
}
