package main

import (
	"context"

	"github.com/spf13/cobra"

	"pcloud-apply/plan"
)

func newDestroy(o *options, t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "destroy [NAME…]", Short: "Destroy the named spawns, or everything of the inventory",
		Long: "Destroy the named spawns (or groups), whether they are in the inventory or not. Without a name:\n" +
			"everything that the inventory made, golden images included. Only protection keeps a spawn.\n\n" + exitCodes,
		RunE:              func(cmd *cobra.Command, names []string) error { return runDestroy(cmd.Context(), o, t, names) },
		ValidArgsFunction: o.completeSpawns,
	}
	changeFlags(cmd, o)
	return cmd
}

func runDestroy(ctx context.Context, o *options, t *terminal, names []string) error {
	return change(ctx, o, t, func(s *session, ctx context.Context) (plan.Plan, error) {
		return s.destroyPlan(ctx, names)
	})
}

// destroyPlan is the plan to a state without the named spawns, or to nothing.
func (s *session) destroyPlan(ctx context.Context, names []string) (plan.Plan, error) {
	declared := s.desired
	s.desired.Spawns, s.desired.Images = nil, nil
	actual, err := s.observe(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	nothing := s.desired
	s.desired = declared
	only, err := s.names(names, actual)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Diff(actual, nothing, plan.Policy{Explicit: true, Only: only}), nil
}
