package apply

import (
	"context"
	"fmt"

	"pcloud-apply/plan"
)

// image builds, mends or removes a golden image. The pool is refreshed when
// its files changed, so that libvirt lists what is there.
func (h *Host) image(ctx context.Context, a plan.Action, tell func(string)) error {
	switch a.Verb {
	case plan.Build:
		return perform(ctx, []step{
			{"publish", func(ctx context.Context) error { return h.Images.Publish(ctx, *a.Image, tell) }},
			{"refresh pool", h.Volumes.Refresh},
		}, tell, publishLeft)
	case plan.Update:
		return perform(ctx, []step{
			{"mend", func(ctx context.Context) error { return h.Images.Mend(ctx, *a.Image, tell) }},
		}, tell, func(string) string { return "The image itself is as it was" })
	case plan.Destroy:
		return perform(ctx, []step{
			{"check", func(ctx context.Context) error { return h.unused(ctx, *a.Image) }},
			{"remove", func(ctx context.Context) error { return h.Images.Remove(ctx, *a.Image, tell) }},
			{"refresh pool", h.Volumes.Refresh},
		}, tell, func(string) string { return "The next apply goes on from there" })
	}
	return unknownVerb(a)
}

func publishLeft(step string) string {
	if step == "publish" {
		return "Nothing of it is left, unless it has its final name already; mend the cause and apply again"
	}
	return "The image is published and of use"
}

// unused reads once more, immediately before the removal, who depends on the
// golden image: somebody may have made an overlay since the plan.
func (h *Host) unused(ctx context.Context, g plan.Generation) error {
	refs, err := h.Referrers.References(ctx)
	switch users := refs.Users[h.Folder+"/"+g.File()]; {
	case err != nil:
		return fmt.Errorf("read what depends on it: %w", err)
	case len(refs.Unknown) > 0:
		return fmt.Errorf("it is not known what depends on it: %s", refs.Unknown[0])
	case len(users) > 0:
		return fmt.Errorf("%s depends on it now", users[0])
	}
	return nil
}

func (h *Host) removeLeftover(ctx context.Context, a plan.Action, tell func(string)) error {
	return perform(ctx, []step{
		{"sweep", h.Builds.Sweep},
		{"remove", func(ctx context.Context) error { return h.Files.RemoveLeftover(ctx, a.File) }},
	}, tell, func(string) string { return "It is in nobody's way" })
}
