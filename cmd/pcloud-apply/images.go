package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"pcloud-apply/plan"
)

func newImages(o *options, t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "images", Short: "List the generations of the golden images", Args: cobra.NoArgs,
		Long: "List the generations of the golden images with size, age, and what depends on them.\n" +
			"Everything on the hosts that can name an image is read for that.",
		RunE: func(cmd *cobra.Command, _ []string) error { return runImages(cmd.Context(), o, t) },
	}
}

// imageStatus is one row of the list.
type imageStatus struct {
	Host       string    `json:"host"`
	Image      string    `json:"image"`
	Generation string    `json:"generation"`
	State      string    `json:"state"` // current, superseded, damaged or unfinished
	Disk       int64     `json:"virtual_size_bytes"`
	Size       int64     `json:"size_bytes"`
	Created    time.Time `json:"created"`
	Dependants []string  `json:"dependants"`
}

func runImages(ctx context.Context, o *options, t *terminal) error {
	return look(ctx, o, t, func(s *session, actual plan.State) error {
		if err := s.readReferences(ctx, &actual); err != nil {
			return err
		}
		rows := []imageStatus{}
		for _, standing := range plan.Generations(actual, s.desired) {
			rows = append(rows, imageRow(standing))
		}
		if o.output == "json" {
			return t.json(map[string]any{"format": unstable, "inventory": s.inventory.Name, "images": rows})
		}
		return s.showImages(t, rows)
	})
}

// readReferences reads who names which file on every host, where the
// observation did not have to.
func (s *session) readReferences(ctx context.Context, actual *plan.State) error {
	for name, h := range s.hosts {
		if _, known := actual.References[name]; known {
			continue
		}
		references, err := h.References(ctx)
		if err != nil {
			return err
		}
		actual.References[name] = references
	}
	return nil
}

func imageRow(standing plan.GenerationStanding) imageStatus {
	g := standing.Generation
	row := imageStatus{
		Host: g.Host, Image: g.Image, Generation: g.Hash, State: generationState(standing),
		Disk: g.Disk, Size: g.Size, Created: g.Created, Dependants: []string{},
	}
	for _, s := range standing.Spawns {
		row.Dependants = append(row.Dependants, s.Name)
	}
	for _, user := range standing.Others {
		row.Dependants = append(row.Dependants, user.String())
	}
	if standing.Unknown != "" {
		row.Dependants = append(row.Dependants, "unknown ("+standing.Unknown+")")
	}
	return row
}

func generationState(standing plan.GenerationStanding) string {
	switch {
	case !standing.Generation.Complete:
		return "unfinished"
	case standing.Generation.Damage != "":
		return "damaged"
	case standing.Current:
		return "current"
	}
	return "superseded"
}

func (s *session) showImages(t *terminal, rows []imageStatus) error {
	if len(rows) == 0 {
		return t.printf("%s has no golden images.\n", s.inventory.Name)
	}
	view := table.NewWriter()
	view.SetStyle(plainTable())
	view.AppendHeader(table.Row{"IMAGE", "GENERATION", "STATE", "DISK", "SIZE", "AGE", "DEPENDANTS"})
	for _, row := range rows {
		view.AppendRow(table.Row{
			s.label(row.Host, row.Image), row.Generation, row.State, plan.Bytes(row.Disk), plan.RoughBytes(row.Size),
			units.HumanDuration(time.Since(row.Created)), dependantsText(row.Dependants),
		})
	}
	return t.printf("%s\n", trimLines(view.Render()))
}

// dependantsText names a few and counts the rest.
func dependantsText(names []string) string {
	const most = 4
	switch {
	case len(names) == 0:
		return "none"
	case len(names) <= most:
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
