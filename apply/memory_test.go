package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"pcloud-apply/plan"
)

const (
	pool     = "/pool"
	gibibyte = 1 << 30
)

// memory is a host in memory. It does what a real one would, one call at a
// time, and records as violations what must never be asked of it.
type memory struct {
	mu         sync.Mutex
	spawns     map[string]plan.Spawn // our domains by uuid
	volumes    map[string]plan.Volume
	images     map[string]plan.Generation
	leftovers  []plan.Leftover
	borrowers  map[string]string // foreign domain → the path that it names
	overlays   map[string]string // foreign image → the path of its backing file
	snapshots  map[string]int    // by uuid
	defined    int               // domains ever made, for their uuids
	calls      int
	fault      fault
	violations []string
}

// fault is what goes wrong with the calls. The zero fault is none.
type fault struct {
	at     int  // the number of the call
	killed bool // and no later one has an effect
	done   bool // the call at fault had its effect before it failed
}

var errFault = errors.New("the host is gone")

func newMemory() *memory {
	return &memory{
		spawns: map[string]plan.Spawn{}, volumes: map[string]plan.Volume{}, images: map[string]plan.Generation{},
		borrowers: map[string]string{}, overlays: map[string]string{}, snapshots: map[string]int{},
	}
}

// do is one call: the change happens, unless a fault comes before it.
func (m *memory) do(change func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	switch {
	case m.fault.at == 0 || m.calls < m.fault.at || m.calls > m.fault.at && !m.fault.killed:
		return change()
	case m.calls == m.fault.at && m.fault.done:
		return errors.Join(change(), errFault)
	}
	return errFault
}

func (m *memory) forbid(broken bool, format string, args ...any) {
	if broken {
		m.violations = append(m.violations, fmt.Sprintf(format, args...))
	}
}

// change is a call on a domain of ours.
func (m *memory) change(s plan.Spawn, f func(*plan.Spawn)) error {
	return m.do(func() error {
		have, ok := m.spawns[s.UUID]
		if !ok || have.Name != s.Name {
			m.forbid(true, "%s is not the domain of %s", s.UUID, s.Name)
			return errors.New("not ours")
		}
		f(&have)
		m.spawns[s.UUID] = have
		return nil
	})
}

func (m *memory) Define(_ context.Context, s plan.Spawn) (string, error) {
	var uuid string
	err := m.do(func() error {
		if _, taken := m.borrowers[s.Domain]; taken || m.hasDomain(s.Domain) {
			return fmt.Errorf("domain %s exists", s.Domain)
		}
		m.defined++
		uuid = fmt.Sprint("uuid-", m.defined)
		s.UUID, s.Phase, s.Origin, s.Power, s.Autostart = uuid, plan.Creating, "here", plan.Stopped, false
		s.Root, s.At, s.Seed = pool+"/"+s.Volume(), "", plan.Seed{}
		m.spawns[uuid] = s
		return nil
	})
	return uuid, err
}

func (m *memory) hasDomain(name string) bool {
	for _, s := range m.spawns {
		if s.Domain == name {
			return true
		}
	}
	return false
}

func (m *memory) Mark(_ context.Context, s plan.Spawn, phase plan.Phase) error {
	return m.change(s, func(have *plan.Spawn) {
		if phase == plan.Ready {
			for _, name := range append(s.Volumes(), s.SeedFile()) {
				_, ok := m.volumes[name]
				m.forbid(!ok, "%s is ready without %s", s.Name, name)
			}
		}
		losing := phase == plan.Deleting && have.Phase == plan.Ready
		m.forbid(losing && have.Protect, "%s is protected and deleted", s.Name)
		m.forbid(losing && m.snapshots[s.UUID] > 0, "%s has snapshots and is deleted", s.Name)
		have.Phase, have.Generation, have.Fingerprint = phase, s.Generation, s.Fingerprint
		have.Protect, have.SeedHash, have.Disks = s.Protect, s.SeedHash, s.Disks
	})
}

func (m *memory) Redefine(_ context.Context, s plan.Spawn, changes []plan.Change) error {
	return m.change(s, func(have *plan.Spawn) {
		for _, change := range changes {
			switch change.Field {
			case plan.VCPUsField:
				have.VCPUs = s.VCPUs
			case plan.ProtectField:
				have.Protect = s.Protect
			case plan.SeedField:
				have.SeedHash = s.Seed.Hash()
			}
		}
	})
}

func (m *memory) Undefine(_ context.Context, s plan.Spawn) error {
	return m.do(func() error {
		have := m.spawns[s.UUID]
		m.forbid(have.Phase != plan.Deleting, "%s is undefined in phase %s", s.Name, have.Phase)
		for _, name := range s.Volumes() {
			_, ok := m.volumes[name]
			m.forbid(ok && len(m.others(name, have)) == 0, "%s is undefined before its volume %s is gone", s.Name, name)
		}
		delete(m.spawns, s.UUID)
		return nil
	})
}

// others are all that name a volume, but its own spawn.
func (m *memory) others(name string, own plan.Spawn) []plan.User {
	var others []plan.User
	for _, user := range m.scan().Users[pool+"/"+name] {
		if user != (plan.User{Kind: "domain", Name: own.Domain}) {
			others = append(others, user)
		}
	}
	return others
}

func (m *memory) Start(_ context.Context, s plan.Spawn) error {
	return m.change(s, func(have *plan.Spawn) {
		root, ok := m.volumes[s.Volume()]
		m.forbid(!ok || have.Phase != plan.Ready, "%s is started in phase %s, with disk: %v", s.Name, have.Phase, ok)
		if root.Backing != "" {
			m.forbid(m.image(root.Backing).Damage != "", "%s is started from a damaged image", s.Name)
			m.forbid(!m.image(root.Backing).Complete, "%s is started without its image", s.Name)
		}
		have.Power = plan.Running
	})
}

func (m *memory) image(path string) plan.Generation {
	for _, g := range m.images {
		if pool+"/"+g.File() == path {
			return g
		}
	}
	return plan.Generation{}
}

func (m *memory) Stop(_ context.Context, s plan.Spawn) error {
	return m.change(s, func(have *plan.Spawn) { have.Power = plan.Stopped })
}

func (m *memory) Kill(_ context.Context, s plan.Spawn) error {
	return m.change(s, func(have *plan.Spawn) {
		m.forbid(have.Phase != plan.Deleting, "%s is killed in phase %s", s.Name, have.Phase)
		have.Power = plan.Stopped
	})
}

func (m *memory) SetAutostart(_ context.Context, s plan.Spawn, on bool) error {
	return m.change(s, func(have *plan.Spawn) { have.Autostart = on })
}

func (m *memory) Create(_ context.Context, name string, size int64, backing string) error {
	return m.do(func() error {
		if _, exists := m.volumes[name]; exists {
			return fmt.Errorf("volume %s exists", name)
		}
		m.forbid(m.owner(name, plan.Creating).UUID == "", "volume %s is made for no half-made spawn", name)
		m.forbid(size <= 0, "volume %s is made with %d bytes", name, size)
		m.forbid(backing != "" && !m.image(backing).Complete, "volume %s is made on %s, which is not there", name, backing)
		m.volumes[name] = plan.Volume{Size: size, Backing: backing}
		return nil
	})
}

// owner is our spawn in one of the phases that has the volume. The last one made
// is: before it there may be a renamed domain without files, which nothing points to.
func (m *memory) owner(volume string, phases ...plan.Phase) (owner plan.Spawn) {
	for _, uuid := range sortedKeys(m.spawns) {
		if s := m.spawns[uuid]; slices.Contains(s.Volumes(), volume) && slices.Contains(phases, s.Phase) {
			owner = s
		}
	}
	return owner
}

func (m *memory) Delete(_ context.Context, name string) error {
	return m.do(func() error {
		owner := m.owner(name, plan.Deleting)
		m.forbid(owner.Power != plan.Stopped, "volume %s is deleted for no spawn that is off and marked deleting", name)
		_, exists := m.volumes[name]
		m.forbid(exists && len(m.others(name, owner)) > 0, "volume %s is deleted, and others use it", name)
		delete(m.volumes, name)
		return nil
	})
}

func (m *memory) Forget(context.Context, string) error { return m.do(func() error { return nil }) }
func (m *memory) Refresh(context.Context) error        { return m.do(func() error { return nil }) }

func (m *memory) Check(_ context.Context, g plan.Generation) (Golden, error) {
	var golden Golden
	err := m.do(func() error {
		have := m.images[g.Name()]
		if !have.Complete || have.Damage != "" {
			return fmt.Errorf("golden image %s is of no use", g.Name())
		}
		golden = Golden{Path: pool + "/" + g.File(), SHA256: have.SHA256, Size: have.Disk}
		return nil
	})
	return golden, err
}

// Publish leaves a temporary file, then a manifest, then an image.
func (m *memory) Publish(_ context.Context, g plan.Generation, _ func(string)) error {
	temp := plan.Leftover{Host: "h", Name: ".pcloud-" + g.Name()}
	g.Origin, g.SHA256, g.Disk = "here", "sha of "+g.Hash, max(g.Disk, gibibyte)
	return m.inSteps(
		func() { m.leftovers = append(m.leftovers, temp) },
		func() { m.images[g.Name()] = g },
		func() {
			m.forbid(m.images[g.Name()].Complete, "golden image %s is made twice", g.Name())
			g.Complete = true
			m.images[g.Name()] = g
			m.leftovers = slices.DeleteFunc(m.leftovers, func(l plan.Leftover) bool { return l == temp })
		},
		func() { g.Sealed = true; m.images[g.Name()] = g },
	)
}

func (m *memory) inSteps(changes ...func()) error {
	for _, change := range changes {
		if err := m.do(func() error { change(); return nil }); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Mend(_ context.Context, g plan.Generation, _ func(string)) error {
	return m.inSteps(func() {
		have := m.images[g.Name()]
		have.Sealed, have.Stale = true, false
		m.images[g.Name()] = have
	})
}

// Remove takes the image, then the manifest.
func (m *memory) Remove(_ context.Context, g plan.Generation, _ func(string)) error {
	return m.inSteps(
		func() {
			m.forbid(len(m.scan().Users[pool+"/"+g.File()]) > 0, "golden image %s is removed, and something needs it", g.Name())
			g.Complete = false
			m.images[g.Name()] = g
		},
		func() { delete(m.images, g.Name()) },
	)
}

func (m *memory) WriteSeed(_ context.Context, s plan.Spawn) error {
	return m.inSteps(func() {
		m.forbid(s.UUID == "", "the seed of %s has no instance-id", s.Name)
		m.volumes[s.SeedFile()] = plan.Volume{}
	})
}

func (m *memory) RemoveSeed(_ context.Context, s plan.Spawn) error {
	return m.inSteps(func() { delete(m.volumes, s.SeedFile()) })
}

func (m *memory) Sweep(context.Context) error { return nil }

func (m *memory) RemoveLeftover(_ context.Context, name string) error {
	return m.inSteps(func() {
		m.leftovers = slices.DeleteFunc(m.leftovers, func(l plan.Leftover) bool { return l.Name == name })
	})
}

func (m *memory) Before(context.Context, plan.Spawn) error { return nil }

func (m *memory) Wait(context.Context, plan.Spawn) (string, error) { return "10.0.0.1", nil }

func (m *memory) Running(_ context.Context, s plan.Spawn) (running bool, err error) {
	err = m.change(s, func(have *plan.Spawn) { running = have.Power == plan.Running })
	return running, err
}

func (m *memory) Resize(_ context.Context, _ plan.Spawn, volume string, size int64) error {
	return m.grow(volume, size)
}

func (m *memory) Grow(_ context.Context, volume string, size int64) error {
	return m.grow(volume, size)
}

func (m *memory) grow(name string, size int64) error {
	return m.inSteps(func() {
		volume, ok := m.volumes[name]
		m.forbid(!ok || size < volume.Size, "volume %s is resized from %d to %d bytes", name, volume.Size, size)
		volume.Size = size
		m.volumes[name] = volume
	})
}

func (m *memory) Room(context.Context, string) error { return nil }

func (m *memory) Pull(ctx context.Context, s plan.Spawn, _ func(string)) error {
	return m.Flatten(ctx, s.Volume())
}

func (m *memory) Flatten(_ context.Context, name string) error {
	return m.inSteps(func() {
		m.forbid(m.snapshots[m.owner(name, plan.Creating, plan.Ready).UUID] > 0, "volume %s has snapshots and is consolidated", name)
		m.volumes[name] = plan.Volume{Size: m.volumes[name].Size}
	})
}

func (m *memory) Backing(volume string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.volumes[volume].Backing, nil
}

func (m *memory) References(context.Context) (plan.References, error) {
	var refs plan.References
	err := m.do(func() error { refs = m.scan(); return nil })
	return refs, err
}
