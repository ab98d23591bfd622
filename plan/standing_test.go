package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStandingsOfSpawns(t *testing.T) {
	unreadable := func(s *State) { s.Hosts["local"] = Host{Unreadable: "no route"} }
	for name, c := range map[string]struct {
		actual, desired State
		want            string
	}{
		"off and on an older generation": {
			host([]Generation{golden(current), golden(older)}, ready(on(older), func(s *Spawn) { s.Power = Stopped })), wish(web()),
			"web stopped overlay current: false declared: true"},
		"standing alone": {edited(host(sound, ready()), volume("tiny.web.qcow2", Volume{Size: 1, Used: 7})), wish(web()),
			"web running standalone current: true declared: true"},
		"not declared": {host(sound, ready()), wish(), "web running overlay current: false declared: false"},
		"half-destroyed": {host(sound, ready(phase(Deleting))), wish(web()),
			"web half-destroyed  current: true declared: true"},
		"missing":                     {host(sound), wish(web()), "web missing  current: false declared: true"},
		"on a host that is not there": {edited(host(sound), unreadable), wish(web()), "web unknown  current: false declared: true"},
		"damaged":                     {edited(host(sound, ready()), lost("tiny.web.qcow2")), wish(web()), "web damaged  current: true declared: true"},
	} {
		t.Run(name, func(t *testing.T) {
			standings := Overview(c.actual, c.desired)
			if len(standings) != 1 {
				t.Fatalf("%+v", standings)
			}
			s := standings[0]
			got := fmt.Sprintf("%s %s %s current: %v declared: %v", s.Spawn.Name, s.State, s.Disk, s.Current, s.Declared)
			if got != c.want || (s.Problem != "") != (s.State == "damaged") {
				t.Errorf("%s, problem: %q", got, s.Problem)
			}
		})
	}
}

func TestASpawnUsesWhatAllItsVolumesUse(t *testing.T) {
	actual := edited(host(sound, ready(data(5))), volume("tiny.web.qcow2", Volume{Used: 7}), volume("tiny.web.data.qcow2", Volume{Used: 11}))
	if got := Overview(actual, wish(web()))[0].Used; got != 18 {
		t.Error(got)
	}
}

func TestStandingsOfGenerations(t *testing.T) {
	file := sound[0].File()
	stranger := User{"image", "/home/x"}
	actual := edited(host([]Generation{golden(older), golden(current)}, ready(), ready(named("new"), phase(Creating))),
		usedBy(file, User{"image", folder + "/tiny.web.qcow2"}, stranger, User{"domain", "tiny.web"}),
		func(s *State) {
			refs := s.References["local"]
			refs.Unknown = []string{"pool z", "image y"}
			s.References["local"] = refs
		})
	got := []string{}
	for _, g := range Generations(actual, wish(web())) {
		got = append(got, fmt.Sprintf("%s current: %v, needed by %s and %v, unknown: %s",
			g.Generation.Name(), g.Current, names(g.Spawns), g.Others, g.Unknown))
	}
	want := []string{
		"tiny.golden-aaaaaaaaaaaa current: false, needed by  and [], unknown: image y",
		"tiny.golden-cccccccccccc current: true, needed by new, web and [image /home/x], unknown: image y",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStrays(t *testing.T) {
	seed := func(host, name string) func(*State) {
		return func(s *State) { s.Seeds = append(s.Seeds, VolumeKey{host, name}) }
	}
	for name, c := range map[string]struct {
		actual, desired State
		want            bool
	}{
		"nothing lies there":                   {host(sound), wish(web()), false},
		"a seed with its spawn":                {edited(host(sound, ready()), seed("local", "tiny.web.seed.iso")), wish(web()), false},
		"a seed with a domain of others":       {edited(host(sound), foreign("tiny.x"), seed("local", "tiny.x.seed.iso")), wish(), false},
		"a seed without a domain":              {edited(host(sound), seed("local", "tiny.x.seed.iso")), wish(), true},
		"a seed on another host":               {edited(host(sound), seed("two", "tiny.x.seed.iso")), wish(), false},
		"a seed with a spawn on another host":  {edited(host(sound, ready(at("two"))), seed("local", "tiny.web.seed.iso")), wish(), true},
		"a seed with its spawn on both hosts":  {edited(host(sound, ready(), ready(at("two"))), seed("local", "tiny.web.seed.iso")), wish(), false},
		"a disk of a wanted spawn":             {edited(host(sound), volume("tiny.web.qcow2", Volume{})), wish(web()), true},
		"a disk of a spawn that has a domain":  {host(sound, ready()), wish(web()), false},
		"a disk of a spawn that nobody wants":  {edited(host(sound), volume("tiny.web.qcow2", Volume{})), wish(), false},
		"an extra disk of a wanted spawn":      {edited(host(sound), volume("tiny.web.data.qcow2", Volume{})), wish(desire(data(5))), true},
		"an extra disk that it does not claim": {edited(host(sound), volume("tiny.web.data.qcow2", Volume{})), wish(web()), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := HasStrays(c.actual, c.desired, "local"); got != c.want {
				t.Error(got)
			}
		})
	}
}
