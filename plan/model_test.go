package plan

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// model is a host in memory: the state that inspection would return, and the
// things of others beside it. It does to itself what the steps of apply do.
type model struct {
	State
	overlays []string // foreign images: names of golden images they are backed by
	borrowed []string // volumes of ours that a foreign domain names
}

// references is what a scan of the host would find.
func (m *model) references() {
	users := map[string][]User{}
	name := func(file string, u User) { users[folder+"/"+file] = append(users[folder+"/"+file], u) }
	for _, s := range m.Spawns {
		for _, v := range s.Volumes() {
			name(v, User{"domain", s.Domain})
		}
	}
	for key, v := range m.Volumes {
		if v.Backing != "" {
			users[v.Backing] = append(users[v.Backing], User{"image", folder + "/" + key.Name})
		}
	}
	for _, g := range m.overlays {
		name(g, User{"image", "/home/theirs.qcow2"})
	}
	for _, v := range m.borrowed {
		name(v, User{"domain", "theirs"})
	}
	m.References = map[string]References{"local": {Users: users}}
}

func (m *model) clone() *model {
	c := *m
	c.Images, c.Spawns = slices.Clone(m.Images), slices.Clone(m.Spawns)
	c.Leftovers, c.Volumes = slices.Clone(m.Leftovers), maps.Clone(m.Volumes)
	return &c
}

// perform does the first steps of an action, all when steps is large.
func (m *model) perform(a Action, steps int) {
	switch {
	case a.Kind() == FileKind:
		m.Leftovers = slices.DeleteFunc(m.Leftovers, func(l Leftover) bool { return l.Name == a.File && steps > 0 })
	case a.Kind() == ImageKind:
		m.performImage(a, steps)
	case a.Verb == Create:
		m.create(a, steps)
	case a.Verb == Update:
		m.update(a)
	case a.Verb == Destroy:
		m.destroy(a, steps)
	}
}

func (m *model) performImage(a Action, steps int) {
	g := *a.Image
	m.Images = slices.DeleteFunc(m.Images, func(have Generation) bool { return have.key() == g.key() })
	switch {
	case a.Verb == Destroy && steps > 1 || steps == 0 && a.Verb == Build:
		return
	case a.Verb == Destroy:
		g.Complete = steps == 0
	default:
		g.Complete, g.Sealed, g.Stale, g.Origin, g.Disk = steps > 1, steps > 2, false, "here", 1<<30
	}
	m.Images = append(m.Images, g)
}

func (m *model) create(a Action, steps int) {
	s := *a.Spawn
	s.UUID, s.Phase, s.Origin, s.Root = "u-"+s.Name, Creating, "here", folder+"/"+s.Volume()
	m.Spawns = slices.DeleteFunc(m.Spawns, func(have Spawn) bool { return have.key() == s.key() })
	if steps > 1 {
		for _, name := range s.Volumes() {
			if !slices.Contains(a.Keep, name) {
				m.Volumes[VolumeKey{s.Host, name}] = Volume{Size: 1 << 30}
			}
		}
		if root := (VolumeKey{s.Host, s.Volume()}); !slices.Contains(a.Keep, s.Volume()) {
			g := Generation{Image: s.Image, Hash: s.Generation}
			m.Volumes[root] = Volume{Size: max(s.Disk, 1<<30), Backing: folder + "/" + g.File()}
		}
	}
	if steps > 2 {
		m.Volumes[VolumeKey{s.Host, s.SeedFile()}] = Volume{}
		s.Phase, s.SeedHash = Ready, s.Seed.Hash()
	}
	if power := s.Power; steps > 3 && a.Start {
		s.Power = Running
	} else if power != Stopped || !a.Start {
		s.Power = Stopped
	}
	if steps > 4 {
		m.reshape(a)
	}
	if steps > 0 {
		m.Spawns = append(m.Spawns, s)
	}
}

func (m *model) update(a Action) {
	for i, have := range m.Spawns {
		if have.key() != a.Spawn.key() {
			continue
		}
		s := &m.Spawns[i]
		s.VCPUs, s.Memory, s.Autostart, s.Protect = a.Spawn.VCPUs, a.Spawn.Memory, a.Spawn.Autostart, a.Spawn.Protect
		m.Volumes[VolumeKey{s.Host, s.SeedFile()}] = Volume{}
		if a.Start {
			s.Power = Running
		}
		if a.Stop {
			s.Power = Stopped
		}
		m.reshape(a)
	}
}

func (m *model) reshape(a Action) {
	for _, g := range a.Grow {
		v := m.Volumes[VolumeKey{a.Host, g.Volume}]
		v.Size = g.Size
		m.Volumes[VolumeKey{a.Host, g.Volume}] = v
	}
	if root := (VolumeKey{a.Host, a.Spawn.Volume()}); a.Pull {
		v := m.Volumes[root]
		v.Backing = ""
		m.Volumes[root] = v
	}
}

func (m *model) destroy(a Action, steps int) {
	for i, have := range m.Spawns {
		if have.UUID == a.Spawn.UUID && steps > 0 {
			m.Spawns[i].Phase, m.Spawns[i].Disks = Deleting, a.Spawn.Disks
		}
	}
	if steps > 1 {
		for _, name := range append(a.Spawn.Volumes(), a.Spawn.SeedFile()) {
			if !slices.Contains(a.Keep, name) {
				delete(m.Volumes, VolumeKey{a.Host, name})
			}
		}
	}
	if steps > 2 {
		m.Spawns = slices.DeleteFunc(m.Spawns, func(s Spawn) bool { return s.UUID == a.Spawn.UUID })
	}
}

var spawnNames = []string{"a", "b", "c", "d"}

func drawModel(t *rapid.T) *model {
	m := &model{State: host(nil)}
	for _, hash := range []string{current, older, "dddddddddddd"} {
		if rapid.Bool().Draw(t, "has generation "+hash) {
			m.Images = append(m.Images, golden(hash, func(g *Generation) {
				g.Complete = rapid.IntRange(0, 4).Draw(t, "complete") > 0
				g.Sealed = rapid.Bool().Draw(t, "sealed")
				g.Origin = rapid.SampledFrom([]string{"here", "here", "there"}).Draw(t, "image origin")
				if rapid.IntRange(0, 5).Draw(t, "damaged") == 0 {
					g.Damage = "changed"
				}
			}))
			if rapid.IntRange(0, 3).Draw(t, "foreign overlay") == 0 {
				m.overlays = append(m.overlays, golden(hash).File())
			}
		}
	}
	for _, name := range spawnNames {
		drawActual(t, m, name)
	}
	m.references()
	return m
}

func drawActual(t *rapid.T, m *model, name string) {
	s := ready(func(s *Spawn) {
		s.Name, s.Domain, s.UUID = name, "tiny."+name, "u-"+name
		s.Root = folder + "/" + s.Volume()
		s.Phase = rapid.SampledFrom([]Phase{Ready, Ready, Ready, Creating, Deleting}).Draw(t, "phase")
		s.Generation = rapid.SampledFrom([]string{current, older}).Draw(t, "generation")
		s.Power = rapid.SampledFrom([]Power{Running, Stopped}).Draw(t, "power")
		s.VCPUs = rapid.IntRange(1, 2).Draw(t, "vcpus")
		s.Protect = rapid.IntRange(0, 4).Draw(t, "protect") == 0
		s.Origin = rapid.SampledFrom([]string{"here", "here", "here", "there"}).Draw(t, "origin")
		drawDisk(t, s)
	})
	kind := rapid.IntRange(0, 5).Draw(t, name)
	if kind > 1 { // a domain
		m.Spawns = append(m.Spawns, s)
	}
	if kind == 0 {
		m.Foreign[DomainKey{"local", s.Domain}] = ""
	}
	if kind != 0 && rapid.IntRange(0, 3).Draw(t, "files") > 0 { // its files
		addFiles(&m.State, s)
		if rapid.IntRange(0, 5).Draw(t, "standalone") == 0 {
			m.Volumes[VolumeKey{"local", s.Volume()}] = Volume{Size: 1 << 30}
		}
		if rapid.IntRange(0, 5).Draw(t, "borrowed") == 0 {
			m.borrowed = append(m.borrowed, s.Volume())
		}
	}
}

// drawDisk gives every other spawn an extra disk.
func drawDisk(t *rapid.T, s *Spawn) {
	if rapid.Bool().Draw(t, "extra disk") {
		s.Disks = []Disk{{"data", 1 << 20}}
	}
}

func drawDesired(t *rapid.T) State {
	var spawns []Spawn
	for _, name := range spawnNames {
		if rapid.Bool().Draw(t, "want "+name) {
			spawns = append(spawns, desire(func(s *Spawn) {
				s.Name, s.Domain = name, "tiny."+name
				s.Power = rapid.SampledFrom([]Power{Running, Stopped, Any}).Draw(t, "want power")
				s.VCPUs = rapid.IntRange(1, 2).Draw(t, "want vcpus")
				s.Protect = rapid.Bool().Draw(t, "want protect")
				s.Consolidate = rapid.IntRange(0, 3).Draw(t, "want standalone") == 0
				s.OnImageChange = rapid.SampledFrom([]string{"keep", Respawn, Consolidate}).Draw(t, "on image change")
				drawDisk(t, s)
				s.Disk = rapid.SampledFrom([]int64{0, 0, 1 << 30, 2 << 30}).Draw(t, "want disk")
			}))
		}
	}
	return wish(spawns...)
}

var generous = Policy{MaxDestroy: 10, AllowEmpty: true}

// TestEveryPlanConverges: performed as a whole, or cut off anywhere and made
// anew, a plan leads to a state in which nothing is left to do. Where something
// was refused because of a spawn that the plan destroyed, the next one does it.
func TestEveryPlanConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawModel(t), drawDesired(t)
		for range rapid.IntRange(0, 2).Draw(t, "crashes") {
			m.crash(t, Diff(m.State, desired, generous))
		}
		p := Diff(m.State, desired, generous)
		for round := 0; !p.Empty(); round++ {
			for _, a := range p.Actions {
				m.perform(a, 9)
			}
			m.references()
			again := Diff(m.State, desired, generous)
			if !again.Empty() && (len(p.Refused) == 0 || round > 1) {
				t.Fatalf("after\n%v\nthere is left\n%v", lines(p), lines(again))
			}
			p = again
		}
	})
}

// crash performs a plan up to some step of some action.
func (m *model) crash(t *rapid.T, p Plan) {
	if p.Empty() {
		return
	}
	last := rapid.IntRange(0, len(p.Actions)-1).Draw(t, "action")
	for _, a := range p.Actions[:last] {
		m.perform(a, 9)
	}
	m.perform(p.Actions[last], rapid.IntRange(0, 4).Draw(t, "steps"))
	m.references()
}

// TestNoPlanTouchesWhatIsForeignOrInUse also covers golden images: none is
// removed while an image of anyone, that stays, is backed by it.
func TestNoPlanTouchesWhatIsForeignOrInUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawModel(t), drawDesired(t)
		policy := generous
		policy.TakeOver = rapid.Bool().Draw(t, "take over")
		policy.Explicit = rapid.Bool().Draw(t, "explicit")
		after := m.clone()
		for _, a := range Diff(m.State, desired, policy).Actions {
			checkAction(t, m, a)
			after.perform(a, 9)
		}
		for _, volume := range m.borrowed {
			if _, ok := after.Volumes[VolumeKey{"local", volume}]; !ok {
				t.Fatalf("volume %s was deleted, and a foreign domain names it", volume)
			}
		}
		for key, v := range after.Volumes {
			lost := func(g Generation) bool { return folder+"/"+g.File() == v.Backing }
			if slices.ContainsFunc(m.Images, lost) && !slices.ContainsFunc(after.Images, lost) {
				t.Fatalf("%s lost its golden image %s", key.Name, v.Backing)
			}
		}
	})
}

func checkAction(t *rapid.T, m *model, a Action) {
	switch {
	case a.Kind() == SpawnKind && a.Verb != Create:
		if !slices.ContainsFunc(m.Spawns, func(s Spawn) bool { return s.UUID == a.Spawn.UUID }) {
			t.Fatalf("%s is about a domain that is not ours", a.ID())
		}
	case a.Kind() == SpawnKind:
		if _, taken := m.Foreign[DomainKey{"local", a.Spawn.Domain}]; taken {
			t.Fatalf("%s is about a foreign domain", a.ID())
		}
	case a.Kind() == ImageKind && a.Verb == Destroy && a.Image.Complete && slices.Contains(m.overlays, a.Image.File()):
		t.Fatalf("%s: a foreign image depends on it", a.ID())
	}
}

func TestTheBudgetBindsEveryPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawModel(t), drawDesired(t)
		limit := rapid.IntRange(0, 3).Draw(t, "limit")
		p := Diff(m.State, desired, Policy{MaxDestroy: limit, AllowEmpty: true})
		lost := 0
		for _, a := range p.Actions {
			if a.Verb == Destroy && a.Kind() == SpawnKind && (a.Spawn.Phase == Ready || a.Next != nil) {
				lost++
			}
		}
		if (lost > limit) != (len(p.Whole()) > 0) {
			t.Fatalf("%d of at most %d: %v", lost, limit, lines(p))
		}
	})
}

func TestAPlanDependsOnNothingButItsInputs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawModel(t), drawDesired(t)
		before := fmt.Sprintf("%#v %#v", m.clone(), desired)
		first := Diff(m.State, desired, generous)
		if second := Diff(m.State, desired, generous); !reflect.DeepEqual(first, second) {
			t.Fatalf("two plans differ:\n%v\n%v", lines(first), lines(second))
		}
		if after := fmt.Sprintf("%#v %#v", m.clone(), desired); after != before {
			t.Fatal("the plan changed its inputs")
		}
		for i, needed := range first.Dependencies() {
			for _, j := range needed {
				if j >= i {
					t.Fatalf("%s comes before %s, which it needs", first.Actions[i].ID(), first.Actions[j].ID())
				}
			}
		}
	})
}
