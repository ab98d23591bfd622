package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// diffCase is what a plan between two states is to look like, line by line;
// the beginning of each line is enough.
type diffCase struct {
	actual, desired State
	policy          Policy
	want            []string
}

func checkDiffs(t *testing.T, cases map[string]diffCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := lines(Diff(c.actual, c.desired, c.policy)); !shaped(got, c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}

// edited is the state with changes.
func edited(s State, changes ...func(*State)) State {
	for _, change := range changes {
		change(&s)
	}
	return s
}

// volume puts a file into the pool of host local.
func volume(name string, v Volume) func(*State) {
	return func(s *State) { s.Volumes[VolumeKey{"local", name}] = v }
}

func lost(name string) func(*State) {
	return func(s *State) { delete(s.Volumes, VolumeKey{"local", name}) }
}

func usedBy(name string, users ...User) func(*State) {
	return func(s *State) { s.References["local"].Users[folder+"/"+name] = users }
}

func unknown(what string) func(*State) {
	return func(s *State) { s.References["local"] = References{Unknown: []string{what}} }
}

func foreign(domain string) func(*State) {
	return func(s *State) { s.Foreign[DomainKey{"local", domain}] = "" }
}

func unscanned(s *State) { s.References = nil }

// of makes a spawn one of another image, with the domain's name that goes with it.
func of(image string) func(*Spawn) {
	return func(s *Spawn) {
		s.Image, s.Domain = image, image+"."+s.Name
		s.Root = folder + "/" + s.Volume()
	}
}

// named gives a spawn another name and all that follows from it.
func named(name string) func(*Spawn) {
	return func(s *Spawn) {
		s.Name, s.Domain, s.UUID = name, s.Image+"."+name, "u-"+name
		s.Root = folder + "/" + s.Volume()
	}
}

func phase(p Phase) func(*Spawn)        { return func(s *Spawn) { s.Phase = p } }
func on(generation string) func(*Spawn) { return func(s *Spawn) { s.Generation = generation } }
func data(size int64) func(*Spawn)      { return func(s *Spawn) { s.Disks = []Disk{{"data", size}} } }
func standalone(s *Spawn)               { s.Consolidate = true }
func protected(s *Spawn)                { s.Protect = true }
func madeThere(s *Spawn)                { s.Origin = "there" }

var (
	sound   = []Generation{golden(current)}
	usual   = Policy{MaxDestroy: 5, AllowEmpty: true}
	byName  = Policy{Explicit: true}
	olderAt = Generation{Image: "tiny", Hash: older}.File()
)
