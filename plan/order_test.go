package plan

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWhatWaitsForWhat(t *testing.T) {
	spawn := func(verb Verb, change ...func(*Spawn)) Action {
		s := ready(change...)
		return Action{Verb: verb, Host: s.Host, Spawn: &s}
	}
	image := func(verb Verb, hash string, change ...func(*Generation)) Action {
		g := golden(hash, change...)
		return Action{Verb: verb, Host: g.Host, Image: &g}
	}
	pulled := func(a Action) Action { a.Pull = true; return a }
	onTwo := func(g *Generation) { g.Host = "two" }
	otherMAC := func(s *Spawn) { s.NICs = []NIC{{MAC: "02:00:00:00:00:09"}} }

	for name, c := range map[string]struct {
		a, b Action
		want bool
	}{
		"a spawn waits for its image":                        {spawn(Create), image(Build, current), true},
		"an update waits for its image":                      {spawn(Update), image(Update, current), true},
		"not for another generation":                         {spawn(Create), image(Build, older), false},
		"not for that of another host":                       {spawn(Create), image(Build, current, onTwo), false},
		"a destroy waits for no image":                       {spawn(Destroy), image(Build, current), false},
		"a removal waits for destroys":                       {image(Destroy, older), spawn(Destroy), true},
		"a removal waits for consolidations":                 {image(Destroy, older), pulled(spawn(Update)), true},
		"not for other updates":                              {image(Destroy, older), spawn(Update), false},
		"not for those of another host":                      {image(Destroy, older, onTwo), spawn(Destroy), false},
		"a build waits for nothing":                          {image(Build, current), spawn(Destroy), false},
		"a name becomes free first":                          {spawn(Create, otherMAC), spawn(Destroy), true},
		"an address becomes free first":                      {spawn(Create), spawn(Destroy, named("b")), true},
		"on another host, too":                               {spawn(Create), spawn(Destroy, at("two")), true},
		"another name and address is free":                   {spawn(Create), spawn(Destroy, named("b"), otherMAC), false},
		"a destroy waits for no spawn":                       {spawn(Destroy), spawn(Create), false},
		"an update does not take a name":                     {spawn(Update), spawn(Destroy, named("b")), false},
		"a leftover is in nobody's way":                      {spawn(Create), Action{Verb: Destroy, Host: "local", File: "x"}, false},
		"a leftover waits for nothing":                       {Action{Verb: Destroy, Host: "local", File: "x"}, spawn(Destroy), false},
		"two removals do not wait for each other":            {image(Destroy, older), image(Destroy, current), false},
		"a spawn does not wait for the removal of its image": {spawn(Create), image(Destroy, current), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := needs(c.a, c.b); got != c.want {
				t.Errorf("%s needs %s: %v", c.a.ID(), c.b.ID(), got)
			}
			if needs(c.a, c.b) && needs(c.b, c.a) {
				t.Error("they need each other")
			}
		})
	}
}

// drawActions are any actions at all, also ones that no diff would put into one plan.
func drawActions(t *rapid.T) []Action {
	verb := rapid.SampledFrom([]Verb{Build, Create, Update, Destroy})
	hosts, hashes := rapid.SampledFrom([]string{"local", "two"}), rapid.SampledFrom([]string{current, older})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Action {
		a := Action{Verb: verb.Draw(t, "verb"), Host: hosts.Draw(t, "host")}
		switch {
		case rapid.IntRange(0, 2).Draw(t, "kind") == 0 && a.Verb != Create || a.Verb == Build:
			g := golden(hashes.Draw(t, "hash"), func(g *Generation) { g.Host = a.Host })
			a.Image = &g
		default:
			s := ready(named(rapid.SampledFrom(spawnNames).Draw(t, "name")), at(a.Host), on(hashes.Draw(t, "on")))
			s.NICs = []NIC{{MAC: rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "mac")}}
			a.Spawn, a.Pull = &s, rapid.Bool().Draw(t, "pull") && a.Verb != Destroy
		}
		return a
	}), 0, 12).Draw(t, "actions")
}

func TestAnyActionsHaveAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		actions := drawActions(t)
		before := slices.Clone(actions)
		p := Plan{Actions: ordered(actions)}
		if diff := cmp.Diff(before, actions); diff != "" {
			t.Fatal(diff)
		}
		if len(p.Actions) != len(actions) {
			t.Fatalf("%d of %d actions", len(p.Actions), len(actions))
		}
		for i, needed := range p.Dependencies() {
			for _, j := range needed {
				if j >= i {
					t.Fatalf("%s comes before %s, which it needs", p.Actions[i].ID(), p.Actions[j].ID())
				}
			}
		}
	})
}

func TestTheOrderChangesNoMoreThanItMust(t *testing.T) {
	got := []ID{}
	p := Diff(host([]Generation{golden(older)}, ready(named("z"), on(older))), wish(desire(named("b")), desire(named("a"))), usual)
	for _, a := range p.Actions {
		got = append(got, a.ID())
	}
	want := []ID{
		"build image local/tiny.golden-cccccccccccc", "destroy spawn local/z",
		"spawn spawn local/a", "spawn spawn local/b", "destroy image local/tiny.golden-aaaaaaaaaaaa",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
