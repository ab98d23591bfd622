package plan

import "testing"

// at puts a spawn on another host.
func at(host string) func(*Spawn) { return func(s *Spawn) { s.Host = host } }

// second adds host two, with a sound image.
func second(s *State) {
	s.Hosts["two"] = Host{Name: "two", Folder: "/pool2"}
	s.Images = append(s.Images, golden(current, func(g *Generation) { g.Host = "two" }))
	s.References["two"] = References{}
}

func secondUnreadable(s *State) { s.Hosts["two"] = Host{Name: "two", Unreadable: "no route"} }

func TestSeveralHosts(t *testing.T) {
	unreadable := "!  : the host could not be read, so nothing is planned there: no route"
	imageOnTwo := func(s *State) { s.Images = append(s.Images, Generation{Host: "two", Image: "tiny", Hash: current}) }
	checkDiffs(t, map[string]diffCase{
		"one cannot be read, the other goes on": {
			edited(host(sound), secondUnreadable), edited(wish(desire(named("a")), desire(named("b"), at("two"))), imageOnTwo), usual,
			[]string{"+ spawn a: new", unreadable}},
		"a spawn moves": {
			edited(host(sound, ready()), second), edited(wish(desire(at("two"))), imageOnTwo), usual,
			[]string{"- spawn web: declared on host two now, and made anew there", "+ spawn web: new"}},
		"a spawn moves, and is in no budget": {
			edited(host(sound, ready()), second), edited(wish(desire(at("two"))), imageOnTwo), Policy{},
			[]string{"- spawn web", "+ spawn web", "!!  : it would destroy more ready spawns (1)"}},
		"a spawn moves to a host that cannot be read": {
			edited(host(sound, ready()), secondUnreadable), wish(desire(at("two"))), usual,
			[]string{unreadable, "! spawn web: it is declared on host two now: it stays"}},
		"a spawn moves to a host whose image is damaged": {
			edited(host(sound, ready()), second, func(s *State) { s.Images[1].Damage = "changed" }), edited(wish(desire(at("two"))), imageOnTwo), usual,
			[]string{"! image tiny: golden image", "! spawn web: its golden image", "! spawn web: it is declared on host two now: it stays"}},
		"a spawn moves to a host where its name is taken": {
			edited(host(sound, ready()), second, func(s *State) { s.Foreign[DomainKey{"two", "tiny.web"}] = "" }), edited(wish(desire(at("two"))), imageOnTwo), usual,
			[]string{"! spawn web: a domain tiny.web exists", "! spawn web: it is declared on host two now: it stays"}},
		"a spawn moved, and is there already": {
			edited(host(sound, ready(), ready(at("two"), func(s *Spawn) { s.UUID, s.Root = "u-2", "/pool2/tiny.web.qcow2" })), second,
				func(s *State) { s.Volumes[VolumeKey{"two", "tiny.web.qcow2"}] = Volume{Size: 1 << 30} }),
			edited(wish(desire(at("two"))), imageOnTwo), usual,
			[]string{"- spawn web: declared on host two now, and made anew there"}},
		"an image of one is not the other's": {
			edited(host(sound), second, func(s *State) { s.Images = s.Images[:1] }), edited(wish(desire(at("two"))), imageOnTwo), usual,
			[]string{"+ image tiny: new, from", "+ spawn web: new"}},
		"references of one are not the other's": {
			edited(host([]Generation{golden(current), golden(older)}, ready(on(older), at("two"), func(s *Spawn) { s.Root = "/pool2/tiny.web.qcow2" })), second,
				func(s *State) { s.Volumes[VolumeKey{"two", "tiny.web.qcow2"}] = Volume{Backing: "/pool2/" + olderAt} }),
			edited(wish(), imageOnTwo), usual,
			[]string{"- spawn web: left the inventory", "- image tiny: generation aaaaaaaaaaaa is superseded"}},
		"an empty folder without spawns is an empty pool": {
			edited(host(nil), func(s *State) { s.Hosts["local"] = Host{Folder: folder, Empty: true} }), wish(web()), usual,
			[]string{"+ image tiny", "+ spawn web"}},
		"an empty folder blocks a destroy by name, too": {
			edited(host(nil, ready()), func(s *State) { s.Hosts["local"] = Host{Folder: folder, Empty: true} }), wish(), byName,
			[]string{"!  : the pool's folder /pool is empty although lab has spawns on this host: is its disk mounted?"}},
		"leftovers of a host that is blocked stay": {
			edited(host(sound), secondUnreadable, func(s *State) { s.Leftovers = []Leftover{{"two", "y"}, {"local", "x"}} }), wish(), usual,
			[]string{"- file x: left by a run that was killed", unreadable}},
		"leftovers stay while only some spawns are looked at": {
			edited(host(sound), func(s *State) { s.Leftovers = []Leftover{{"local", "x"}} }), wish(), Policy{Only: map[string]bool{}}, []string{}},
	})
}

func TestMerge(t *testing.T) {
	one, two := host(sound, ready()), edited(host(nil), second)
	delete(two.Hosts, "local")
	delete(two.References, "local")
	two.Spawns = []Spawn{ready(named("b"), at("two")), ready(named("a"), at("two"))}
	one.Merge(two)
	got := []string{}
	for _, s := range one.Spawns {
		got = append(got, s.Host+"/"+s.Name)
	}
	if !shaped(got, []string{"local/web", "two/a", "two/b"}) || len(one.Hosts) != 2 || len(one.Images) != 2 || len(one.References) != 2 {
		t.Errorf("%v, %+v", got, one)
	}
	if err := one.OneDomainOneHost(); err != nil {
		t.Error(err)
	}
	one.Merge(State{Spawns: []Spawn{ready(at("two"))}})
	if err := one.OneDomainOneHost(); err == nil || err.Error() !=
		"hosts local and two both have the domain tiny.web (u-web): they are one libvirtd by two names" {
		t.Error(err)
	}
}
