package main

import (
	"context"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"pcloud-apply/doctor"
	"pcloud-apply/drivers/qemuimg"
	"pcloud-apply/plan"
)

func newDoctor(o *options, t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Check whether the hosts are fit for the inventory", Args: cobra.NoArgs,
		Long: "Check connection, accelerator, rights, pool, networks, tools, memory and space of each host.\n" +
			"Each finding has what mends it. It exits with 3 when there is a problem; warnings do not count.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), o, t) },
	}
}

// hostFindings are the findings of one host.
type hostFindings struct {
	Host     string           `json:"host"`
	Findings []doctor.Finding `json:"findings"`
}

func runDoctor(ctx context.Context, o *options, t *terminal) error {
	s, err := openSession(o, false)
	if err != nil {
		return err
	}
	defer s.close(t)
	actual, err := s.observe(ctx)
	if err != nil {
		return err
	}
	var all []hostFindings
	for _, name := range sortedHosts(s) {
		facts, err := s.facts(ctx, name, actual)
		if err != nil {
			return err
		}
		all = append(all, hostFindings{name, doctor.Examine(facts)})
	}
	if err := t.showFindings(s, all); err != nil {
		return err
	}
	if anyProblem(all) {
		return &exitError{code: exitFailed}
	}
	return nil
}

func sortedHosts(s *session) []string {
	var names []string
	for name := range s.hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// facts are what drivers saw, and what the inventory wants beyond it.
func (s *session) facts(ctx context.Context, name string, actual plan.State) (doctor.Facts, error) {
	h := s.hosts[name]
	needs := plan.Needs(actual, s.desired, name)
	facts, err := h.Health(ctx, needs.Networks)
	if err != nil {
		return facts, err
	}
	facts.Root = os.Geteuid() == 0
	facts.MemoryWanted, facts.DiskWanted = needs.Memory, needs.Disk
	facts.Tools = append([]doctor.Tool{qemuImgFact(ctx)}, s.builderFacts(name)...)
	return facts, h.folder.Health(&facts.Pool)
}

func qemuImgFact(ctx context.Context) doctor.Tool {
	fact := doctor.Tool{Name: "qemu-img", Fix: "apt-get install qemu-utils"}
	tool, err := qemuimg.Find()
	if err == nil {
		fact.Version, err = tool.Version(ctx)
	}
	if err != nil {
		fact.Missing = err.Error()
	}
	return fact
}

func anyProblem(all []hostFindings) bool {
	return slices.ContainsFunc(all, func(h hostFindings) bool {
		return slices.ContainsFunc(h.Findings, func(f doctor.Finding) bool { return f.Level == doctor.Problem })
	})
}

var levels = map[doctor.Level]struct {
	symbol string
	color  text.Color
}{doctor.OK: {" ", text.FgGreen}, doctor.Warning: {"~", text.FgYellow}, doctor.Problem: {"!", text.FgHiRed}}

func (t *terminal) showFindings(s *session, all []hostFindings) error {
	if s.options.output == "json" {
		return t.json(map[string]any{"format": unstable, "inventory": s.inventory.Name, "hosts": all})
	}
	var lines []line
	for _, host := range all {
		for _, f := range host.Findings {
			l := line{symbol: levels[f.Level].symbol, kind: string(f.Level), name: s.label(host.Host, f.What), text: f.Text}
			lines = append(lines, l)
			if f.Fix != "" {
				lines = append(lines, line{symbol: " ", kind: "", name: "", text: "→ " + f.Fix})
			}
		}
	}
	return t.lines(lines)
}
