package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"pcloud-apply/plan"
)

func newStatus(o *options, t *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "List the spawns with state, address, image and disk", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), o, t) },
	}
	cmd.Flags().BoolVar(&o.tree, "tree", false, "draw which spawn stands on which golden image")
	return cmd
}

// spawnStatus is one row of the status.
type spawnStatus struct {
	Host       string   `json:"host"`
	Name       string   `json:"name"`
	Domain     string   `json:"domain"`
	State      string   `json:"state"`
	Addresses  []string `json:"addresses"`
	Source     string   `json:"address_source,omitempty"` // how the addresses are known
	Image      string   `json:"image"`
	Generation string   `json:"generation"`
	Current    bool     `json:"current"`
	Disk       string   `json:"disk,omitempty"`
	Used       int64    `json:"disk_used_bytes"`
	Notes      []string `json:"notes,omitempty"`
}

func runStatus(ctx context.Context, o *options, t *terminal) error {
	return look(ctx, o, t, func(s *session, actual plan.State) error {
		if o.tree && o.output == "text" {
			return s.showTree(t, actual)
		}
		rows, err := s.status(ctx, actual)
		if err != nil {
			return err
		}
		if o.output == "json" {
			return t.json(map[string]any{"format": unstable, "inventory": s.inventory.Name, "spawns": rows})
		}
		return s.showStatus(t, rows)
	})
}

// status has a row for each spawn that exists or is declared.
func (s *session) status(ctx context.Context, actual plan.State) ([]spawnStatus, error) {
	rows := []spawnStatus{}
	known, err := s.knownAddresses(ctx, actual)
	if err != nil {
		return nil, err
	}
	for _, standing := range plan.Overview(actual, s.desired) {
		row := newRow(standing)
		row.Addresses = append(row.Addresses, known[standing.Spawn.UUID]...)
		if len(row.Addresses) > 0 {
			row.Source = "lease"
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func newRow(standing plan.Standing) spawnStatus {
	spawn := standing.Spawn
	row := spawnStatus{
		Host: spawn.Host, Name: spawn.Name, Domain: spawn.Domain, State: standing.State, Addresses: []string{},
		Image: spawn.Image, Generation: spawn.Generation, Current: standing.Current,
		Disk: standing.Disk, Used: standing.Used,
	}
	note := func(yes bool, format string, args ...any) {
		if yes {
			row.Notes = append(row.Notes, fmt.Sprintf(format, args...))
		}
	}
	exists := spawn.UUID != ""
	note(standing.Problem != "", "%s", standing.Problem)
	note(exists && !standing.Declared, "not in the inventory: the next apply destroys it")
	note(exists && standing.Declared && !standing.Current, "on an older generation of its image")
	for _, change := range spawn.Pending {
		note(true, "waits for a restart: %s", change)
	}
	return row
}

func (s *session) showStatus(t *terminal, rows []spawnStatus) error {
	if len(rows) == 0 {
		return t.printf("%s has no spawns.\n", s.inventory.Name)
	}
	view := table.NewWriter()
	view.SetStyle(plainTable())
	view.AppendHeader(table.Row{"NAME", "STATE", "ADDRESS", "IMAGE", "DISK", "USED"})
	for _, row := range rows {
		view.AppendRow(table.Row{
			s.label(row.Host, row.Name), stateColor(row.State).Sprint(row.State), addressText(row),
			row.Image + " " + row.Generation, row.Disk, usedText(row),
		})
	}
	if err := t.printf("%s\n", trimLines(view.Render())); err != nil {
		return err
	}
	return t.showNotes(s, rows)
}

func (t *terminal) showNotes(s *session, rows []spawnStatus) error {
	var lines []line
	for _, row := range rows {
		for _, note := range row.Notes {
			lines = append(lines, line{symbol: " ", kind: "spawn", name: s.label(row.Host, row.Name), text: note})
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if err := t.printf("\n"); err != nil {
		return err
	}
	return t.lines(lines)
}

// plainTable has no borders: columns are set apart by blanks, so that cut and
// awk work on it.
func plainTable() table.Style {
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	return style
}

func stateColor(state string) text.Color {
	switch state {
	case "running":
		return text.FgGreen
	case "stopped":
		return text.Reset
	}
	return text.FgYellow
}

func addressText(row spawnStatus) string {
	if len(row.Addresses) == 0 {
		return "-"
	}
	return fmt.Sprintf("%s (%s)", strings.Join(slices.Compact(row.Addresses), ", "), row.Source)
}

func usedText(row spawnStatus) string {
	if row.Disk == "" {
		return "-"
	}
	return plan.RoughBytes(row.Used)
}
