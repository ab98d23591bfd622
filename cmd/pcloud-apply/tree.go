package main

import (
	"fmt"

	"github.com/jedib0t/go-pretty/v6/list"

	"pcloud-apply/plan"
)

// showTree draws which spawns stand on which golden image.
func (s *session) showTree(t *terminal, actual plan.State) error {
	tree := list.NewWriter()
	tree.SetStyle(list.StyleConnectedLight)
	standings := plan.Overview(actual, s.desired)
	for _, g := range plan.Generations(actual, s.desired) {
		tree.AppendItem(fmt.Sprintf("%s  %s", s.label(g.Generation.Host, g.Generation.Name()), generationState(g)))
		branch(tree, s.on(standings, g))
	}
	if alone := s.alone(standings); len(alone) > 0 {
		tree.AppendItem("standalone, missing or unknown")
		branch(tree, alone)
	}
	if tree.Length() == 0 {
		return t.printf("%s has no images and no spawns.\n", s.inventory.Name)
	}
	return t.printf("%s\n", tree.Render())
}

func branch(tree list.Writer, items []string) {
	tree.Indent()
	for _, item := range items {
		tree.AppendItem(item)
	}
	tree.UnIndent()
}

func (s *session) on(standings []plan.Standing, g plan.GenerationStanding) []string {
	needing := map[string]bool{}
	for _, spawn := range g.Spawns {
		needing[spawn.UUID] = true
	}
	var items []string
	for _, standing := range standings {
		if spawn := standing.Spawn; spawn.UUID != "" && needing[spawn.UUID] {
			items = append(items, s.leaf(standing))
		}
	}
	return items
}

func (s *session) alone(standings []plan.Standing) []string {
	var items []string
	for _, standing := range standings {
		if standing.Disk != "overlay" {
			items = append(items, s.leaf(standing))
		}
	}
	return items
}

func (s *session) leaf(standing plan.Standing) string {
	return fmt.Sprintf("%s  %s", s.label(standing.Spawn.Host, standing.Spawn.Name), standing.State)
}
