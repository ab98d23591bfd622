package main

import (
	"context"
	"runtime"

	"github.com/spf13/cobra"

	"pcloud-apply/apply"
	"pcloud-apply/plan"
)

func newApply(o *options, t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply", Short: "Make the hosts agree with the inventory", Args: cobra.NoArgs,
		Long: "Make the hosts agree with the inventory. On a terminal it shows the plan and asks before\n" +
			"something is destroyed; elsewhere it never asks, and says nothing when there is nothing to do.\n" +
			"Killed anywhere, it is simply run again.\n\n" + exitCodes,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd.Context(), o, t) },
	}
	onlyFlag(cmd, o)
	policyFlags(cmd, o)
	changeFlags(cmd, o)
	return cmd
}

func runApply(ctx context.Context, o *options, t *terminal) error {
	return change(ctx, o, t, (*session).plan)
}

// change makes a plan under the lock and performs it.
func change(ctx context.Context, o *options, t *terminal, makePlan func(*session, context.Context) (plan.Plan, error)) error {
	s, err := openSession(o, false)
	if err != nil {
		return err
	}
	defer s.close(t)
	held, err := lock(ctx, s.inventory.Name, o.lockTimeout)
	if err != nil {
		return err
	}
	defer func() {
		if err := unlock(held); err != nil {
			t.warn("free the lock: %v", err)
		}
	}()
	if err := s.useTools(held); err != nil {
		return err
	}
	p, err := makePlan(s, ctx)
	if err != nil {
		return err
	}
	return s.performPlan(ctx, t, p)
}

// performPlan shows the plan where somebody looks, asks where it must, and runs it.
func (s *session) performPlan(ctx context.Context, t *terminal, p plan.Plan) error {
	if p.Empty() && len(p.Refused) == 0 && t.width() == 0 && s.options.output == "text" {
		return nil // nothing at all is said when there is nothing to do
	}
	if err := s.showBefore(t, p); err != nil {
		return err
	}
	if err := refusedWhole(p); err != nil {
		return s.showRefused(t, p, err)
	}
	if yes, err := s.agreed(t, p); err != nil || !yes {
		return err
	}
	report := s.perform(ctx, t, p)
	if err := s.showReport(t, p, report); err != nil {
		return err
	}
	return reportCode(p, report)
}

// agreed asks on a terminal before something is destroyed.
func (s *session) agreed(t *terminal, p plan.Plan) (bool, error) {
	if s.options.yes || !destroys(p) || !t.interactive() {
		return true, nil
	}
	s.seen = nil // while somebody thinks, much can change
	yes, err := t.confirm("\nShall this be done? What is destroyed is lost.")
	if err == nil && !yes {
		err = t.printf("Nothing was changed.\n")
	}
	return yes, err
}

func destroys(p plan.Plan) bool {
	for _, a := range p.Actions {
		if a.Verb == plan.Destroy && a.Kind() == plan.SpawnKind {
			return true
		}
	}
	return false
}

func (s *session) perform(ctx context.Context, t *terminal, p plan.Plan) *apply.Report {
	s.warnOfEmulation(ctx, t, p)
	hosts, build := apply.Hosts{}, s.newBuilder()
	for name, h := range s.hosts {
		images := images{h.folder, h, build, s.inventory.Hosts[name].Network}
		hosts[name] = &apply.Host{
			Domains: h, Power: h, Volumes: h, Blocks: h, Addresses: h, Referrers: h,
			Images: images, Builds: images, Overlays: h.folder, Files: h.folder, Folder: h.Folder,
		}
		if seen, ok := s.seen[name]; ok {
			hosts[name].Seen = &seen
		}
	}
	show := s.progress(t, p)
	runner := apply.Runner{Executor: hosts, Parallel: s.parallel(), Observe: func(e apply.Event) {
		failpoint(e)
		show.event(e)
	}}
	report := runner.Run(ctx, p)
	show.end()
	return report
}

// parallel is twice the CPUs, since much of the time is waiting for libvirt.
func (s *session) parallel() int {
	if s.options.parallel > 0 {
		return s.options.parallel
	}
	return min(max(2*runtime.NumCPU(), 4), 16)
}

// warnOfEmulation proves the accelerator of each host that gets new spawns,
// and says once when guests will be slow.
func (s *session) warnOfEmulation(ctx context.Context, t *terminal, p plan.Plan) {
	asked := map[string]bool{}
	for _, a := range p.Actions {
		declared := s.inventory.Hosts[a.Host]
		if a.Verb != plan.Create || a.Spawn.UUID != "" || asked[a.Host] || declared.Accelerator != "auto" {
			continue
		}
		asked[a.Host] = true
		if why := s.hosts[a.Host].KVM(ctx); why != "" {
			t.warn("host %s cannot run guests under KVM, so they are emulated and slow (%s)", a.Host, why)
		}
	}
}

// reportCode is the exit code of a run, with what failed: refusals win over
// failures, and an interruption over both.
func reportCode(p plan.Plan, report *apply.Report) error {
	code := planCode(p)
	switch {
	case report.Interrupted():
		code = exitInterrupted
	case code != exitRefused && !report.Complete():
		code = exitFailed
	case code == exitDone:
		return nil
	}
	return &exitError{code, report.Err()}
}
