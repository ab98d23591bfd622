package apply

import (
	"context"
	"fmt"
	"slices"

	"pcloud-apply/plan"
)

// spawn makes a spawn, or completes a half-made one. The definition comes
// first, so that every file is named by a marked domain at all times; the mark
// ready is the commit point.
func (h *Host) spawn(ctx context.Context, a plan.Action, tell func(string)) error {
	s := *a.Spawn
	made := &making{Host: h, spawn: s, keep: a.Keep}
	steps := []step{{"check image", made.checkImage}, {"define", made.define}, {"disk", made.rootVolume}}
	for _, disk := range s.Disks {
		steps = append(steps, step{"disk " + disk.Name, made.diskVolume(disk)})
	}
	steps = append(steps, step{"seed", made.seed})
	steps = append(steps, h.growSteps(a, &made.spawn)...)
	if len(a.Changes) > 0 {
		steps = append(steps, step{"redefine", made.redefine(a.Changes)})
	}
	steps = append(steps, step{"mark ready", made.markReady})
	if s.Autostart {
		steps = append(steps, step{"autostart", made.autostart})
	}
	if a.Start {
		steps = append(steps, step{"start", made.start})
	}
	if a.Pull {
		steps = append(steps, h.pullStep(&made.spawn, tell))
	}
	return perform(ctx, steps, tell, made.left)
}

// making is a spawn on its way from nothing to ready.
type making struct {
	*Host
	spawn  plan.Spawn
	keep   []string // files that are there and stay as they are
	golden Golden
	ready  bool
}

func (m *making) checkImage(ctx context.Context) error {
	if m.spawn.Standalone {
		return nil
	}
	asked := m.spawn
	if slices.Contains(m.keep, m.spawn.Volume()) {
		asked.Disk = 0 // it is as it is
	}
	golden, err := m.imageOf(ctx, asked)
	if err == nil {
		m.golden, m.spawn.Fingerprint = golden, golden.SHA256
	}
	return err
}

// imageOf is the sound golden image that a spawn can be made from.
func (h *Host) imageOf(ctx context.Context, s plan.Spawn) (Golden, error) {
	golden, err := h.Images.Check(ctx, generationOf(s))
	switch {
	case err != nil:
		return golden, err
	case s.Disk > 0 && s.Disk < golden.Size:
		return golden, fmt.Errorf("disk of %d bytes is smaller than its golden image of %d bytes; declare at least that (%s)",
			s.Disk, golden.Size, s.At)
	}
	return golden, sameImage(s, golden)
}

func generationOf(s plan.Spawn) plan.Generation {
	return plan.Generation{Host: s.Host, Image: s.Image, Hash: s.Generation}
}

func (m *making) define(ctx context.Context) error {
	if m.spawn.UUID != "" {
		return nil
	}
	uuid, err := m.Domains.Define(ctx, m.spawn)
	if err != nil {
		return err
	}
	m.spawn.UUID = uuid
	m.made.Store(m.spawn.Name, uuid)
	return nil
}

func (m *making) rootVolume(ctx context.Context) error {
	size := m.spawn.Disk
	if size == 0 {
		size = m.golden.Size
	}
	return m.volume(ctx, m.spawn.Volume(), size, m.golden.Path)
}

func (m *making) diskVolume(disk plan.Disk) func(context.Context) error {
	return func(ctx context.Context) error {
		return m.volume(ctx, m.spawn.DiskVolume(disk.Name), disk.Size, "")
	}
}

func (m *making) volume(ctx context.Context, name string, size int64, backing string) error {
	if slices.Contains(m.keep, name) {
		return nil
	}
	return m.Volumes.Create(ctx, name, size, backing)
}

func (m *making) seed(ctx context.Context) error {
	if slices.Contains(m.keep, m.spawn.SeedFile()) {
		return nil
	}
	m.spawn.SeedHash = m.spawn.Seed.Hash()
	return m.Files.WriteSeed(ctx, m.spawn)
}

func (m *making) redefine(changes []plan.Change) func(context.Context) error {
	return func(ctx context.Context) error { return m.Domains.Redefine(ctx, m.spawn, changes) }
}

func (m *making) markReady(ctx context.Context) error {
	if err := m.Domains.Mark(ctx, m.spawn, plan.Ready); err != nil {
		return err
	}
	m.ready = true
	return nil
}

func (m *making) autostart(ctx context.Context) error {
	return m.Power.SetAutostart(ctx, m.spawn, true)
}

func (m *making) start(ctx context.Context) error {
	return m.Host.start(ctx, m.spawn)
}

// start remembers the leases of before, since libvirt lists an old one at once.
func (h *Host) start(ctx context.Context, s plan.Spawn) error {
	if err := h.Addresses.Before(ctx, s); err != nil {
		return err
	}
	return h.Power.Start(ctx, s)
}

func (m *making) left(string) string {
	switch {
	case m.ready:
		return "It is made; the next apply goes on from there"
	case m.spawn.UUID == "":
		return "Nothing was made"
	case len(m.keep) > 0:
		return fmt.Sprintf("Left: domain %s, half-made on disks that were there before. The next apply completes it; "+
			"to destroy it would take those disks, too", m.spawn.Domain)
	}
	return fmt.Sprintf("Left: domain %s, half-made. The next apply completes it; to take it away: pcloud-apply destroy %s",
		m.spawn.Domain, m.spawn.Name)
}
