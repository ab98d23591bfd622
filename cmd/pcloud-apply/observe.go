package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"pcloud-apply/drivers/libvirt"
	"pcloud-apply/plan"
)

// look observes the hosts without changing anything and hands over what it saw.
func look(ctx context.Context, o *options, t *terminal, use func(*session, plan.State) error) error {
	s, err := openSession(o, true)
	if err != nil {
		return err
	}
	defer s.close(t)
	actual, err := s.observe(ctx)
	if err != nil {
		return err
	}
	return use(s, actual)
}

// observe reads the actual state of all hosts, side by side.
func (s *session) observe(ctx context.Context) (plan.State, error) {
	actual := plan.State{
		Inventory: s.inventory.Name, Origin: s.desired.Origin,
		Hosts: map[string]plan.Host{}, Volumes: map[plan.VolumeKey]plan.Volume{},
		Foreign: map[plan.DomainKey]string{}, References: map[string]plan.References{},
	}
	for name, err := range s.failed {
		actual.Hosts[name] = plan.Host{Name: name, Unreadable: err.Error()}
	}
	seen := make(chan plan.State, len(s.hosts))
	var readers errgroup.Group
	for name := range s.hosts {
		readers.Go(func() error {
			state, err := s.observeHost(ctx, name)
			seen <- state
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return actual, err
	}
	for range s.hosts {
		actual.Merge(<-seen)
	}
	s.seen = actual.References
	return actual, actual.OneDomainOneHost()
}

// observeHost reads one host: its domains, then the files that belong to them,
// and only if the plan will have to know, who names which file.
func (s *session) observeHost(ctx context.Context, name string) (plan.State, error) {
	state, found, err := s.inspect(ctx, name, false)
	if err == nil && plan.HasStrays(state, s.desired, name) {
		state, found, err = s.inspect(ctx, name, true)
	}
	if err == nil && plan.NeedsReferences(state, plan.Rebuilt(state, s.desired, s.options.rebuild), name) {
		var references plan.References
		references, err = s.hosts[name].ReferencesAfter(ctx, found)
		state.References = map[string]plan.References{name: references}
	}
	return state, err
}

func (s *session) inspect(ctx context.Context, name string, all bool) (plan.State, libvirt.Found, error) {
	h := s.hosts[name]
	found, err := h.Inspect(ctx, all)
	if err != nil {
		return plan.State{}, found, err
	}
	state := plan.State{Spawns: found.Spawns, Foreign: found.Foreign, Volumes: map[plan.VolumeKey]plan.Volume{}}
	contents, err := h.folder.Inspect(ctx, plan.FileNames(state, s.desired)[name])
	if err != nil {
		return plan.State{}, found, fmt.Errorf("read the folder of pool %s: %w", h.Pool, err)
	}
	state.Images, state.Seeds, state.Leftovers = contents.Images, contents.Seeds, contents.Leftovers
	for file, volume := range contents.Volumes {
		state.Volumes[plan.VolumeKey{Host: name, Name: file}] = volume
	}
	state.Hosts = map[string]plan.Host{name: {
		Name: name, URI: h.URI, Pool: h.Pool, PoolUUID: h.PoolUUID, Folder: h.Folder, Empty: contents.Empty,
	}}
	return state, found, nil
}
