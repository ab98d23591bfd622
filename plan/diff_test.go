package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	folder  = "/pool"
	current = "cccccccccccc" // hash of the desired generation
	older   = "aaaaaaaaaaaa"
)

// web is the desired spawn of most cases.
func web() Spawn {
	return Spawn{
		Host: "local", Name: "web", Domain: "tiny.web", Image: "tiny", Generation: current,
		VCPUs: 1, Memory: 1 << 30, NICs: []NIC{{Network: "default", MAC: "02:00:00:00:00:01"}},
		Power: Running, Seed: Seed{Hostname: "web"}, At: "cloud.yaml:9:3",
	}
}

// ready is the same spawn as inspection finds it.
func ready(change ...func(*Spawn)) Spawn {
	s := web()
	s.UUID, s.Phase, s.Origin, s.Root = "u-"+s.Name, Ready, "here", folder+"/"+s.Volume()
	s.SeedHash, s.Seed, s.At = s.Seed.Hash(), Seed{}, ""
	for _, f := range change {
		f(&s)
	}
	return s
}

func desire(change ...func(*Spawn)) Spawn {
	s := web()
	for _, f := range change {
		f(&s)
	}
	return s
}

func golden(hash string, change ...func(*Generation)) Generation {
	g := Generation{Host: "local", Image: "tiny", Hash: hash, Definition: hash, Complete: true, Sealed: true, Disk: 1 << 30, Origin: "here"}
	for _, f := range change {
		f(&g)
	}
	return g
}

// host is an actual state with the generations and spawns, and the files that
// ready spawns have.
func host(images []Generation, spawns ...Spawn) State {
	state := State{
		Inventory: "lab", Origin: "here", Images: images, Spawns: spawns,
		Hosts:   map[string]Host{"local": {Name: "local", Folder: folder}},
		Volumes: map[VolumeKey]Volume{}, Foreign: map[DomainKey]string{},
		References: map[string]References{"local": {Users: map[string][]User{}, Snapshots: map[string]int{}}},
	}
	for _, s := range spawns {
		if s.Phase == Ready {
			addFiles(&state, s)
		}
	}
	return state
}

func addFiles(state *State, s Spawn) {
	g := Generation{Image: s.Image, Hash: s.Generation}
	state.Volumes[VolumeKey{s.Host, s.Volume()}] = Volume{Size: 1 << 30, Backing: folder + "/" + g.File()}
	state.Volumes[VolumeKey{s.Host, s.SeedFile()}] = Volume{}
	for _, d := range s.Disks {
		state.Volumes[VolumeKey{s.Host, s.DiskVolume(d.Name)}] = Volume{Size: d.Size}
	}
}

func wish(spawns ...Spawn) State {
	return State{
		Inventory: "lab", Origin: "here", Hosts: map[string]Host{"local": {Name: "local"}}, Spawns: spawns,
		Images: []Generation{{Host: "local", Image: "tiny", Hash: current, Definition: current, Source: Source{Path: "/src"}}},
	}
}

// lines is a plan as short text.
func lines(p Plan) []string {
	list := []string{}
	for _, a := range p.Actions {
		text := fmt.Sprintf("%s %s %s: %s", a.Verb.Symbol(), a.Kind(), a.Name(), a.Reason)
		if len(a.Keep) > 0 {
			text += " keep " + strings.Join(a.Keep, " ")
		}
		list = append(list, text)
	}
	for _, r := range p.Refused {
		mark := "!"
		if r.Whole {
			mark = "!!"
		}
		list = append(list, fmt.Sprintf("%s %s %s: %s", mark, r.Kind, r.Name, r.Reason))
	}
	for _, n := range p.Notes {
		list = append(list, fmt.Sprintf("note %s %s: %s", n.Kind, n.Name, n.Text))
	}
	return list
}

// shaped compares lines with the beginnings that are wanted; where what is
// kept is wanted, it must be all that is kept.
func shaped(got, want []string) bool {
	return slices.EqualFunc(got, want, func(g, w string) bool {
		return strings.HasPrefix(g, w) && (g == w || !strings.Contains(w, " keep "))
	})
}

func TestDiff(t *testing.T) {
	images := []Generation{golden(current)}
	without := func(file string, s State) State {
		delete(s.Volumes, VolumeKey{"local", file})
		return s
	}
	with := func(s State, change func(*State)) State {
		change(&s)
		return s
	}
	names := func(path string, users ...User) func(*State) {
		return func(s *State) { s.References["local"].Users[path] = users }
	}
	volume := func(name string, v Volume) func(*State) {
		return func(s *State) { s.Volumes[VolumeKey{"local", name}] = v }
	}
	phase := func(p Phase) func(*Spawn) { return func(s *Spawn) { s.Phase = p } }
	stopped := func(s *Spawn) { s.Power = Stopped }
	on := func(hash string) func(*Spawn) { return func(s *Spawn) { s.Generation = hash } }
	protected := func(s *Spawn) { s.Protect = true }
	policy := Policy{MaxDestroy: 5}

	for name, c := range map[string]struct {
		actual, desired State
		policy          Policy
		want            []string
	}{
		"nothing differs": {host(images, ready()), wish(web()), policy, []string{}},
		"all is new": {host(nil), wish(web()), policy, []string{
			"+ image tiny: new, from /src", "+ spawn web: new"}},
		"a half-published image": {
			host([]Generation{golden(current, func(g *Generation) { g.Complete = false })}), wish(), policy,
			[]string{"+ image tiny: its publishing was not finished"}},
		"a half-made spawn without disk": {host(images, ready(phase(Creating))), wish(web()), policy, []string{
			"+ spawn web: half-made when a run was killed: completed"}},
		"a half-made spawn with disk": {
			with(host(images, ready(phase(Creating))), func(s *State) { addFiles(s, ready()) }), wish(web()), policy,
			[]string{"+ spawn web: half-made when a run was killed: completed keep tiny.web.qcow2"}},
		"a half-made spawn on a generation that is gone": {
			host(images, ready(phase(Creating), on(older))), wish(web()), policy,
			[]string{"+ spawn web: half-made when a run was killed: completed"}},
		"a half-made spawn of another image": {
			host(images, ready(phase(Creating), func(s *Spawn) { s.Image, s.Domain = "gone", "gone.web" })), wish(web()), policy,
			[]string{"- spawn web: half-made from an image that is gone", "+ spawn web: made anew from its new image"}},
		"a half-destroyed spawn that is wanted": {host(images, ready(phase(Deleting))), wish(web()), policy, []string{
			"- spawn web: its destruction was not finished", "+ spawn web: made anew after its destruction"}},
		"a half-destroyed spawn that is not wanted": {host(images, ready(phase(Deleting), protected)), wish(), Policy{AllowEmpty: true},
			[]string{"- spawn web: its destruction was not finished"}},
		"a domain of that name is foreign": {
			with(host(images), func(s *State) { s.Foreign[DomainKey{"local", "tiny.web"}] = "" }), wish(web()), policy,
			[]string{"! spawn web: a domain tiny.web exists that is not this inventory's"}},
		"a disk without domain": {
			with(host(images), func(s *State) { addFiles(s, ready()) }), wish(web()), policy,
			[]string{"+ spawn web: its domain is missing; its disk is kept: tiny.web.qcow2 keep tiny.web.qcow2 tiny.web.seed.iso"}},
		"a standalone disk without domain": {
			with(host(images), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(web()), policy,
			[]string{"+ spawn web: its domain is missing; its disk is kept"}},
		"a disk without domain on an older generation": {
			with(host([]Generation{golden(current), golden(older)}), func(s *State) { addFiles(s, ready(on(older))) }), wish(web()), policy,
			[]string{"+ spawn web: its domain is missing; its disk is kept"}},
		"a disk without domain, on something else": {
			with(host(images), volume("tiny.web.qcow2", Volume{Backing: "/elsewhere"})), wish(web()), policy,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: its backing file is /elsewhere"}},
		"a disk without domain that others use": {
			with(host(images), func(s *State) {
				addFiles(s, ready())
				names(folder+"/tiny.web.qcow2", User{"domain", "renamed"})(s)
			}), wish(web()), policy,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: domain renamed uses it"}},
		"vcpus, memory, autostart and protection differ": {
			host(images, ready()), wish(desire(func(s *Spawn) { s.VCPUs, s.Memory, s.Autostart, s.Protect = 2, 2<<30, true, true })), policy,
			[]string{"~ spawn web: vcpus 1 → 2 (from its next restart on), memory 1GiB → 2GiB (from its next restart on), autostart no → yes, protect no → yes"}},
		"it is off":         {host(images, ready(stopped)), wish(web()), policy, []string{"~ spawn web: state stopped → running"}},
		"it should be off":  {host(images, ready()), wish(desire(stopped)), policy, []string{"~ spawn web: state running → stopped"}},
		"any state will do": {host(images, ready(stopped)), wish(desire(func(s *Spawn) { s.Power = Any })), policy, []string{}},
		"its seed is gone": {without("tiny.web.seed.iso", host(images, ready())), wish(web()), policy,
			[]string{"~ spawn web: seed missing → written"}},
		"its disk is gone": {without("tiny.web.qcow2", host(images, ready())), wish(web()), policy,
			[]string{"! spawn web: its disk /pool/tiny.web.qcow2 is gone"}},
		"its extra disk is gone": {
			without("tiny.web.data.qcow2", host(images, ready(func(s *Spawn) { s.Disks = []Disk{{"data", 1 << 20}} }))),
			wish(desire(func(s *Spawn) { s.Disks = []Disk{{"data", 1 << 20}} })), policy,
			[]string{"! spawn web: its disk data (tiny.web.data.qcow2) is gone"}},
		"its disk was moved by a snapshot": {
			host(images, ready(func(s *Spawn) { s.Root = "/pool/tiny.web.snap" })), wish(web()), policy,
			[]string{"! spawn web: its disk is now /pool/tiny.web.snap (an external snapshot?)"}},
		"its golden image is gone": {host(nil, ready()), wish(web()), policy, []string{
			"! image tiny: golden image tiny.golden-cccccccccccc is gone, and web depends on it",
			"! spawn web: its golden image /pool/tiny.golden-cccccccccccc.qcow2 is gone"}},
		"its golden image is damaged": {
			host([]Generation{golden(current, func(g *Generation) { g.Damage = "changed" })}, ready(stopped)),
			wish(web(), desire(func(s *Spawn) { s.Name, s.Domain = "new", "tiny.new" })), policy,
			[]string{"! image tiny: golden image tiny.golden-cccccccccccc is damaged: changed",
				"! spawn new: its golden image tiny.golden-cccccccccccc cannot be used",
				"! spawn web: its golden image tiny.golden-cccccccccccc is damaged"}},
		"its golden image is not sealed, and stale": {
			host([]Generation{golden(current, func(g *Generation) { g.Sealed, g.Stale = false, true })}, ready()), wish(web()), policy,
			[]string{"~ image tiny: sealed no → yes, manifest stale → current"}},
		"it shrinks": {host(images, ready()), wish(desire(func(s *Spawn) { s.Disk = 1 << 20 })), policy,
			[]string{"!!  : spawn web: its disk tiny.web.qcow2 cannot shrink from 1GiB to 1MiB"}},
		"it grows": {host(images, ready()), wish(desire(func(s *Spawn) { s.Disk = 2 << 30 })), policy,
			[]string{"~ spawn web: size of tiny.web.qcow2 1GiB → 2GiB"}},
		"it grows, and has snapshots": {
			with(host(images, ready()), func(s *State) { s.References["local"].Snapshots["u-web"] = 1 }),
			wish(desire(func(s *Spawn) { s.Disk, s.VCPUs = 2<<30, 2 })), policy,
			[]string{"~ spawn web: vcpus 1 → 2", "! spawn web: its disk is neither grown nor consolidated: it has snapshots"}},
		"it consolidates": {host(images, ready()), wish(desire(func(s *Spawn) { s.Consolidate = true })), policy,
			[]string{"~ spawn web: disk overlay → standalone"}},
		"it stands alone already": {
			with(host(images, ready()), volume("tiny.web.qcow2", Volume{Size: 1 << 30})),
			wish(desire(func(s *Spawn) { s.Consolidate = true })), policy, []string{}},
		"it consolidates, and its generation is superseded": {
			with(host([]Generation{golden(current), golden(older)}, ready(on(older))),
				names(folder+"/tiny.golden-aaaaaaaaaaaa.qcow2", User{"domain", "tiny.web"}, User{"image", "/pool/tiny.web.qcow2"})),
			wish(desire(func(s *Spawn) { s.Consolidate = true })), policy,
			[]string{"~ spawn web: disk overlay → standalone", "- image tiny: generation aaaaaaaaaaaa is superseded"}},
		"its disks differ": {host(images, ready()), wish(desire(func(s *Spawn) { s.Disks = []Disk{{"data", 1}} })), policy,
			[]string{"! spawn web: not supported yet: changing its disks (none → data)"}},
		"its networks differ": {host(images, ready()), wish(desire(func(s *Spawn) { s.NICs = []NIC{{Bridge: "br0", MAC: "02:00:00:00:00:01"}} })), policy,
			[]string{"! spawn web: not supported yet: changing its networks (br0"}},
		"a card of the user's is not drift": {
			host(images, ready(func(s *Spawn) { s.NICs = append(s.NICs, NIC{Bridge: "br9", MAC: "x"}) })), wish(web()), policy, []string{}},
		"a new disk smaller than the image": {host(images), wish(desire(func(s *Spawn) { s.Disk = 1 << 20 })), policy,
			[]string{"! spawn web: disk 1MiB is smaller than its golden image (1GiB)"}},
		"a new generation": {host([]Generation{golden(older)}, ready(on(older))), wish(web()), policy, []string{
			"+ image tiny: its definition changed: generation cccccccccccc is built beside aaaaaaaaaaaa",
			"note spawn web: stays on tiny.golden-aaaaaaaaaaaa"}},
		"its cloud-init settings changed": {host(images, ready()), wish(desire(func(s *Spawn) { s.Seed.User = "ops" })), policy,
			[]string{"note spawn web: its cloud-init settings changed"}},
		"it waits for a restart": {
			host(images, ready(func(s *Spawn) { s.Pending = []Change{{"vcpus", "1", "2"}} })), wish(web()), policy,
			[]string{"note spawn web: waits for a restart: vcpus 1 → 2"}},
		"it left the inventory": {host(images, ready()), wish(), Policy{MaxDestroy: 5, AllowEmpty: true},
			[]string{"- spawn web: left the inventory"}},
		"it is protected": {host(images, ready(protected)), wish(), Policy{Explicit: true},
			[]string{"! spawn web: it is protected and is not destroyed"}},
		"it was made by another origin": {host(images, ready(func(s *Spawn) { s.Origin = "there" })), wish(), Policy{MaxDestroy: 5, AllowEmpty: true},
			[]string{"! spawn web: it is not in this inventory, but was made from another one of the same name, there"}},
		"it is taken over and destroyed": {host(images, ready(func(s *Spawn) { s.Origin = "there" })), wish(), Policy{MaxDestroy: 5, AllowEmpty: true, TakeOver: true},
			[]string{"- spawn web: left the inventory"}},
		"it is taken over": {host(images, ready(func(s *Spawn) { s.Origin = "there" })), wish(web()), Policy{TakeOver: true},
			[]string{"~ spawn web: origin there → here"}},
		"it has libvirt snapshots": {
			with(host(images, ready()), func(s *State) { s.References["local"].Snapshots["u-web"] = 1 }), wish(), Policy{Explicit: true},
			[]string{"! spawn web: it is not destroyed: it has snapshots or checkpoints"}},
		"its disk has internal snapshots": {
			with(host(images, ready()), volume("tiny.web.qcow2", Volume{Snapshots: 1})), wish(), Policy{Explicit: true},
			[]string{"! spawn web: it is not destroyed: its disk tiny.web.qcow2 has internal snapshots"}},
		"another domain uses its disk": {
			with(host(images, ready()), names(folder+"/tiny.web.qcow2", User{"domain", "tiny.web"}, User{"domain", "x"})), wish(), Policy{Explicit: true},
			[]string{"- spawn web: destroyed by name keep tiny.web.qcow2", "note spawn web: its disk tiny.web.qcow2 stays"}},
		"a disk of the user's is attached": {
			host(images, ready(func(s *Spawn) { s.Foreign = []string{"/home/x"} })), wish(web()), policy, []string{}},
		"it is not known who uses its disk": {
			with(host(images, ready()), func(s *State) { s.References["local"] = References{Unknown: []string{"image y"}} }), wish(), Policy{Explicit: true},
			[]string{"! spawn web: it is not destroyed: it is not known who else uses its disks: image y"}},
		"the destroy budget": {
			host(images, ready(), ready(func(s *Spawn) { s.Name, s.Domain, s.Root = "b", "tiny.b", "/pool/tiny.b.qcow2" })), wish(), Policy{MaxDestroy: 1, AllowEmpty: true},
			[]string{"- spawn b", "- spawn web", "!!  : it would destroy more ready spawns (2) than policy.max_destroy allows (1)"}},
		"an empty inventory": {host(images, ready()), wish(), policy,
			[]string{"- spawn web", "!!  : the inventory has no spawns, but 1 of its spawns exist"}},
		"only one of them": {
			host(images, ready()), wish(desire(stopped), desire(func(s *Spawn) { s.Name, s.Domain = "b", "tiny.b" })),
			Policy{Only: map[string]bool{"b": true}}, []string{"+ spawn b: new"}},
		"the host cannot be read": {
			with(host(images), func(s *State) { s.Hosts["local"] = Host{Unreadable: "refused"} }), wish(web()), policy,
			[]string{"!  : the host could not be read, so nothing is planned there: refused"}},
		"the pool is not mounted": {
			with(host(nil, ready(stopped)), func(s *State) {
				s.Hosts["local"] = Host{Folder: folder, Empty: true}
				s.Volumes = nil
			}), wish(web()), policy,
			[]string{"!  : the pool's folder /pool is empty although lab has spawns on this host: is its disk mounted?"}},
		"a superseded generation": {host([]Generation{golden(current), golden(older)}), wish(), policy,
			[]string{"- image tiny: generation aaaaaaaaaaaa is superseded by cccccccccccc, and nothing depends on it"}},
		"a superseded generation that a foreign image needs": {
			with(host([]Generation{golden(current), golden(older)}), names(folder+"/tiny.golden-aaaaaaaaaaaa.qcow2", User{"image", "/x"})), wish(), policy,
			[]string{"note image tiny: generation aaaaaaaaaaaa stays: image /x depends on it"}},
		"a superseded generation, unknown references": {
			with(host([]Generation{golden(current), golden(older)}), func(s *State) { s.References["local"] = References{Unknown: []string{"pool y"}} }), wish(), policy,
			[]string{"note image tiny: generation aaaaaaaaaaaa stays: it is not known"}},
		"a superseded generation of another origin": {
			host([]Generation{golden(current), golden(older, func(g *Generation) { g.Origin = "there" })}), wish(), policy,
			[]string{"note image tiny: generation aaaaaaaaaaaa stays: it was made from another inventory"}},
		"a superseded generation that is damaged": {
			host([]Generation{golden(current), golden(older, func(g *Generation) { g.Damage = "changed" })}), wish(), policy,
			[]string{"! image tiny: superseded golden image tiny.golden-aaaaaaaaaaaa is damaged"}},
		"a superseded generation and its last spawn": {
			with(host([]Generation{golden(current), golden(older)}, ready(on(older))),
				names(folder+"/tiny.golden-aaaaaaaaaaaa.qcow2", User{"domain", "tiny.web"}, User{"image", "/pool/tiny.web.qcow2"})),
			wish(), Policy{MaxDestroy: 5, AllowEmpty: true},
			[]string{"- spawn web: left the inventory", "- image tiny: generation aaaaaaaaaaaa is superseded"}},
		"a leftover": {
			with(host(images, ready()), func(s *State) { s.Leftovers = []Leftover{{"local", ".pcloud-lab.1.tmp"}} }), wish(web()), policy,
			[]string{"- file .pcloud-lab.1.tmp: left by a run that was killed"}},
		"two domains claim to be one spawn": {
			host(images, ready(), ready(func(s *Spawn) { s.Domain, s.UUID = "tiny.web2", "u2" })), wish(web()), policy,
			[]string{"! spawn web: several domains claim to be this spawn: tiny.web, tiny.web2"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lines(Diff(c.actual, c.desired, c.policy)); !shaped(got, c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}
