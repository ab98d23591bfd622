package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"pcloud-apply/plan"
)

func newPlan(o *options, t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "plan", Short: "Show what apply would do", Args: cobra.NoArgs,
		Long: "Show how the hosts differ from the inventory, and what apply would do about it.\nNothing is changed.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPlan(cmd.Context(), o, t) },
	}
	onlyFlag(cmd, o)
	policyFlags(cmd, o)
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit with 2 when there are changes")
	return cmd
}

func runPlan(ctx context.Context, o *options, t *terminal) error {
	s, err := openSession(o, true)
	if err != nil {
		return err
	}
	defer s.close(t)
	p, err := s.plan(ctx)
	if err != nil {
		return err
	}
	if err := t.showPlan(s, p); err != nil {
		return err
	}
	if code := planCode(p); code != exitDone {
		return &exitError{code: code}
	}
	if o.detailed && !p.Empty() {
		return &exitError{code: exitChanges}
	}
	return nil
}

// plan compares the inventory with its hosts.
func (s *session) plan(ctx context.Context) (plan.Plan, error) {
	if err := s.supported(); err != nil {
		return plan.Plan{}, err
	}
	actual, err := s.observe(ctx)
	if err != nil {
		return plan.Plan{}, err
	}
	only, err := s.names(s.options.only, actual)
	if err != nil {
		return plan.Plan{}, err
	}
	p := plan.Diff(actual, s.desired, plan.Policy{
		MaxDestroy: s.inventory.Policy.MaxDestroy,
		AllowEmpty: s.options.allowEmpty, TakeOver: s.options.takeOver, Only: only,
	})
	return p, s.checkNetworks(ctx, p)
}

// checkNetworks looks at the networks of what would be started: a plan that
// cannot work is not worth showing.
func (s *session) checkNetworks(ctx context.Context, p plan.Plan) error {
	needed := map[string][]string{}
	for _, a := range p.Actions {
		if a.Spawn == nil || !a.Start {
			continue
		}
		for _, nic := range a.Spawn.NICs {
			if nic.Network != "" && !slices.Contains(needed[a.Host], nic.Network) {
				needed[a.Host] = append(needed[a.Host], nic.Network)
			}
		}
	}
	for host, networks := range needed {
		if err := s.hosts[host].CheckNetworks(ctx, networks); err != nil {
			return err
		}
	}
	return nil
}

// planCode is the exit code that a plan's refusals ask for.
func planCode(p plan.Plan) int {
	code := exitDone
	for _, refusal := range p.Refused {
		if !refusal.Unknown {
			return exitRefused
		}
		code = exitFailed
	}
	return code
}

// refusedWhole is the error of a plan that must not be begun.
func refusedWhole(p plan.Plan) error {
	if len(p.Whole()) == 0 {
		return nil
	}
	return &exitError{exitRefused, fmt.Errorf("refused, nothing was changed")}
}
