package main

import (
	"context"
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	"pcloud-apply/plan"
)

func newIP(o *options, t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "ip NAME", Short: "Print the addresses of a spawn, one a line", Args: cobra.ExactArgs(1),
		Long:              "Print the addresses of a running spawn, one a line and nothing else.\nWithout an address it exits with 3.",
		RunE:              func(cmd *cobra.Command, args []string) error { return runIP(cmd.Context(), o, t, args[0]) },
		ValidArgsFunction: o.completeSpawns,
	}
}

func runIP(ctx context.Context, o *options, t *terminal, name string) error {
	return look(ctx, o, t, func(s *session, actual plan.State) error {
		chosen, err := s.names([]string{name}, actual)
		if err != nil {
			return err
		}
		addresses, err := s.addresses(ctx, actual, chosen)
		if err != nil {
			return err
		}
		if o.output == "json" {
			return t.json(map[string]any{"format": unstable, "name": name, "addresses": addresses})
		}
		return t.showAddresses(name, addresses)
	})
}

func (t *terminal) showAddresses(name string, addresses []string) error {
	for _, address := range addresses {
		if err := t.printf("%s\n", address); err != nil {
			return err
		}
	}
	if len(addresses) == 0 {
		return &exitError{exitFailed, fmt.Errorf("spawn %s has no address: it is off, or has no DHCP lease", name)}
	}
	return nil
}

// addresses are those of the chosen spawns, in their order.
func (s *session) addresses(ctx context.Context, actual plan.State, chosen map[string]bool) ([]string, error) {
	addresses := []string{}
	known, err := s.knownAddresses(ctx, actual)
	for _, spawn := range actual.Spawns {
		if chosen[spawn.Name] {
			addresses = append(addresses, known[spawn.UUID]...)
		}
	}
	return addresses, err
}

// knownAddresses are those of all running spawns, by uuid.
func (s *session) knownAddresses(ctx context.Context, actual plan.State) (map[string][]string, error) {
	known := map[string][]string{}
	for name, h := range s.hosts {
		var running []plan.Spawn
		for _, spawn := range actual.Spawns {
			if spawn.Host == name && spawn.Power == plan.Running {
				running = append(running, spawn)
			}
		}
		found, err := h.Addresses(ctx, running)
		if err != nil {
			return nil, err
		}
		maps.Copy(known, found)
	}
	return known, nil
}
