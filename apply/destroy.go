package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"pcloud-apply/plan"
)

// destroy goes ahead only when comes says that what takes the spawn's place can
// be made. It is the mirror of spawn: the mark deleting comes first
// and the definition goes last, so that a killed run can always be finished.
func (h *Host) destroy(ctx context.Context, a plan.Action, comes func(context.Context) error, tell func(string)) error {
	going := &going{Host: h, spawn: *a.Spawn, keep: slices.Clone(a.Keep)}
	steps := []step{{"check", going.check}, {"mark deleting", going.mark}, {"power off", going.kill}}
	if a.Next != nil {
		steps = slices.Insert(steps, 0, step{"check what takes its place", comes})
	}
	for _, name := range a.Spawn.Volumes() {
		steps = append(steps, step{"delete " + name, going.deleteVolume(name)})
	}
	steps = append(steps, step{"delete seed", going.deleteSeed}, step{"undefine", going.undefine})
	return perform(ctx, steps, tell, going.left)
}

// going is a spawn on its way to nothing.
type going struct {
	*Host
	spawn  plan.Spawn
	keep   []string // volumes that something else names too
	marked bool
}

// check looks again at what could be lost with the spawn's disks.
func (g *going) check(ctx context.Context) error {
	refs, err := g.shared(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read who uses its disks: %w", err)
	case g.spawn.Phase == plan.Deleting: // its disks may be gone already
	case len(refs.Unknown) > 0:
		return fmt.Errorf("it is not known who else uses its disks: %s", refs.Unknown[0])
	case refs.Snapshots[g.spawn.UUID] > 0:
		return errors.New("it has snapshots or checkpoints since the plan was made")
	}
	g.keepShared(refs)
	return nil
}

func (g *going) keepShared(refs plan.References) {
	for _, name := range g.spawn.Volumes() {
		for _, user := range refs.Users[g.Folder+"/"+name] {
			if user != (plan.User{Kind: "domain", Name: g.spawn.Domain}) {
				g.keep = append(g.keep, name)
			}
		}
	}
}

func (g *going) mark(ctx context.Context) error {
	if err := g.Domains.Mark(ctx, g.spawn, plan.Deleting); err != nil {
		return err
	}
	g.marked = true
	return nil
}

func (g *going) kill(ctx context.Context) error { return g.Power.Kill(ctx, g.spawn) }

func (g *going) deleteVolume(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		if slices.Contains(g.keep, name) {
			return nil
		}
		return g.Volumes.Delete(ctx, name)
	}
}

func (g *going) deleteSeed(ctx context.Context) error {
	if err := g.Volumes.Forget(ctx, g.spawn.SeedFile()); err != nil {
		return err
	}
	return g.Files.RemoveSeed(ctx, g.spawn)
}

func (g *going) undefine(ctx context.Context) error { return g.Domains.Undefine(ctx, g.spawn) }

func (g *going) left(string) string {
	if !g.marked && g.spawn.Phase != plan.Deleting {
		return "Nothing was changed"
	}
	return fmt.Sprintf("Left: domain %s, marked as deleting. The next apply finishes it", g.spawn.Domain)
}
