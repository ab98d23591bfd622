package main

import (
	"cmp"
	"context"
	"errors"
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
	if err := errors.Join(s.supported(), s.rebuildable()); err != nil {
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
	p := plan.Diff(actual, plan.Rebuilt(actual, s.desired, s.options.rebuild), plan.Policy{
		MaxDestroy: s.inventory.Policy.MaxDestroy,
		AllowEmpty: s.options.allowEmpty, TakeOver: s.options.takeOver, Only: only,
	})
	return p, s.checkNetworks(ctx, p)
}

// rebuildable refuses to build what is not in the inventory.
func (s *session) rebuildable() error {
	for _, name := range s.options.rebuild {
		if _, ok := s.inventory.Images[name]; !ok {
			return fmt.Errorf("--rebuild %s: the inventory has no such image", name)
		}
	}
	return nil
}

// checkNetworks looks at the networks of what would be started: a plan that
// cannot work is not worth showing.
func (s *session) checkNetworks(ctx context.Context, p plan.Plan) error {
	needed := map[string][]string{}
	for _, a := range p.Actions {
		for _, network := range s.networksOf(a) {
			if network != "" && !slices.Contains(needed[a.Host], network) {
				needed[a.Host] = append(needed[a.Host], network)
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

// networksOf are those that what an action starts is on.
func (s *session) networksOf(a plan.Action) []string {
	switch {
	case a.Verb == plan.Build && a.Image.Install != nil:
		return []string{cmp.Or(a.Image.Install.Network, s.inventory.Hosts[a.Host].Network)}
	case a.Spawn == nil || !a.Start:
		return nil
	}
	var networks []string
	for _, nic := range a.Spawn.NICs {
		networks = append(networks, nic.Network)
	}
	return networks
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
