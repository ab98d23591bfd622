package plan

import (
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// drawTroubled is a model on which some more can be wrong than on that of a
// healthy host: snapshots, leftovers, disks and references that cannot be read.
func drawTroubled(t *rapid.T) *model {
	m := drawModel(t)
	refs := m.References["local"]
	refs.Snapshots = map[string]int{"u-" + rapid.SampledFrom(spawnNames).Draw(t, "snapshotted"): 1}
	if rapid.IntRange(0, 3).Draw(t, "unknown") == 0 {
		refs.Unknown = []string{"pool y", "image x"}
	}
	m.References = map[string]References{"local": refs}
	m.Leftovers = []Leftover{{"local", "x"}, {"local", "y"}}
	if name := rapid.SampledFrom(spawnNames).Draw(t, "torn"); rapid.Bool().Draw(t, "any torn") {
		volume(rootOf(name), Volume{Problem: "torn"})(&m.State)
	}
	return m
}

func rootOf(name string) string { return Spawn{Image: "tiny", Name: name}.Volume() }

func drawPolicy(t *rapid.T) Policy {
	policy := Policy{
		MaxDestroy: rapid.IntRange(0, 4).Draw(t, "max destroy"), AllowEmpty: rapid.Bool().Draw(t, "allow empty"),
		TakeOver: rapid.Bool().Draw(t, "take over"), Explicit: rapid.Bool().Draw(t, "explicit"),
	}
	if rapid.IntRange(0, 3).Draw(t, "only") == 0 {
		policy.Only = map[string]bool{"a": true, "c": true}
	}
	return policy
}

func shuffled[T any](t *rapid.T, list []T) []T {
	if len(list) == 0 {
		return list
	}
	return rapid.Permutation(list).Draw(t, "order")
}

func shuffledState(t *rapid.T, s State) State {
	s.Spawns, s.Images, s.Leftovers = shuffled(t, s.Spawns), shuffled(t, s.Images), shuffled(t, s.Leftovers)
	refs := s.References["local"]
	refs.Unknown, refs.Users = shuffled(t, refs.Unknown), maps.Clone(refs.Users)
	for _, path := range sortedKeys(refs.Users) {
		refs.Users[path] = shuffled(t, refs.Users[path])
	}
	s.References = map[string]References{"local": refs}
	return s
}

func TestAPlanDoesNotDependOnTheOrderOfWhatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		first := Diff(m.State, desired, policy)
		desiredToo := desired
		desiredToo.Spawns = shuffled(t, desired.Spawns)
		if second := Diff(shuffledState(t, m.State), desiredToo, policy); !reflect.DeepEqual(first, second) {
			t.Fatalf("two plans differ:\n%v\n%v", lines(first), lines(second))
		}
	})
}

// TestReferencesAreReadWhenTheyMatter: where a plan does not ask for them, it
// is the same without them.
func TestReferencesAreReadWhenTheyMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		if NeedsReferences(m.State, desired, "local") {
			return
		}
		with := Diff(m.State, desired, policy)
		m.References = nil
		if without := Diff(m.State, desired, policy); !reflect.DeepEqual(with, without) {
			t.Fatalf("with:\n%v\nwithout:\n%v", lines(with), lines(without))
		}
	})
}

// TestNothingIsLostUnseen: nobody has looked who uses which file, so nothing
// goes but what a run had begun to destroy when somebody had.
func TestNothingIsLostUnseen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		m.References = nil
		for _, a := range Diff(m.State, desired, policy).Actions {
			begun := a.Spawn != nil && a.Spawn.Phase == Deleting
			if a.Verb == Destroy && a.File == "" && !begun || a.Verb == Update && (a.Pull || len(a.Grow) > 0) {
				t.Fatal(a.ID())
			}
		}
	})
}

func TestProtectedAndSnapshottedSpawnsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		snapshots := m.References["local"].Snapshots
		for _, a := range Diff(m.State, desired, policy).Actions {
			if a.Verb == Destroy && a.Spawn != nil && a.Spawn.Phase != Deleting && (a.Spawn.Protect || snapshots[a.Spawn.UUID] > 0) {
				t.Fatal(a.ID())
			}
		}
	})
}

func TestAnActionIsPlannedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		seen := map[ID]bool{}
		for _, a := range Diff(m.State, desired, policy).Actions {
			if seen[a.ID()] {
				t.Fatal(a.ID())
			}
			seen[a.ID()] = true
		}
	})
}

// TestOnlyTheNamedAreTouched: a run on named spawns changes no other, and
// removes neither images nor leftovers.
func TestOnlyTheNamedAreTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired, policy := drawTroubled(t), drawDesired(t), drawPolicy(t)
		policy.Only = map[string]bool{"a": true}
		for _, a := range Diff(m.State, desired, policy).Actions {
			if a.Spawn != nil && a.Spawn.Name != "a" || a.Spawn == nil && a.Verb == Destroy {
				t.Fatal(a.ID())
			}
		}
	})
}
