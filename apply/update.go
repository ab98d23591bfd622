package apply

import (
	"context"
	"fmt"

	"pcloud-apply/plan"
)

// update makes the changes that the action names, and no others.
func (h *Host) update(ctx context.Context, a plan.Action, tell func(string)) error {
	s := *a.Spawn
	var steps []step
	add := func(name string, run func(context.Context) error) { steps = append(steps, step{name, run}) }
	if has(a, plan.SeedField) {
		add("seed", func(ctx context.Context) error { return h.Files.WriteSeed(ctx, s) })
	}
	if has(a, plan.VCPUsField, plan.MemoryField, plan.ProtectField, plan.OriginField, plan.SeedField) {
		add("redefine", func(ctx context.Context) error { return h.Domains.Redefine(ctx, s, a.Changes) })
	}
	steps = append(steps, h.growSteps(a, &s)...)
	if has(a, plan.AutostartField) {
		add("autostart", func(ctx context.Context) error { return h.Power.SetAutostart(ctx, s, s.Autostart) })
	}
	if a.Stop {
		add("stop", func(ctx context.Context) error { return h.Power.Stop(ctx, s) })
	}
	if a.Start {
		add("check image", func(ctx context.Context) error { return h.checkBacking(ctx, s) })
		add("start", func(ctx context.Context) error { return h.start(ctx, s) })
	}
	if a.Pull {
		steps = append(steps, h.pullStep(&s, tell))
	}
	return perform(ctx, steps, tell, func(string) string {
		return "What was changed before stays changed; the next apply goes on from there"
	})
}

func (h *Host) checkBacking(ctx context.Context, s plan.Spawn) error {
	if s.Standalone {
		return nil
	}
	golden, err := h.Images.Check(ctx, generationOf(s))
	if err != nil {
		return err
	}
	return sameImage(s, golden)
}

// sameImage fails when an image was replaced together with its manifest.
func sameImage(s plan.Spawn, golden Golden) error {
	if s.Fingerprint == "" || s.Fingerprint == golden.SHA256 {
		return nil
	}
	return fmt.Errorf("golden image %s is not the one that it was made on (sha256 %.12s…, not %.12s…); restore that from a backup",
		golden.Path, golden.SHA256, s.Fingerprint)
}

// has tells whether the action changes one of the fields.
func has(a plan.Action, fields ...string) bool {
	for _, change := range a.Changes {
		for _, field := range fields {
			if change.Field == field {
				return true
			}
		}
	}
	return false
}
