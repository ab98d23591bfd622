package plan

import (
	"slices"
	"testing"
	"time"
)

func respawning(s *Spawn)    { s.OnImageChange = Respawn }
func consolidating(s *Spawn) { s.OnImageChange = Consolidate }
func fingerprint(s *Spawn)   { s.Fingerprint = "aa" }
func sum(sum string) func(*Generation) {
	return func(g *Generation) { g.SHA256 = sum }
}

var bothGenerations = []Generation{golden(current), golden(older)}

func TestSpawnsFollowTheirImage(t *testing.T) {
	theirs := User{"domain", "theirs"}
	checkDiffs(t, map[string]diffCase{
		"made anew, and the old image goes": {
			host(bothGenerations, ready(on(older))), wish(desire(respawning)), usual,
			[]string{"- spawn web: respawned on tiny.golden-" + current, "+ spawn web: respawned on", "- image tiny: generation"}},
		"its extra disk stays": {
			host(bothGenerations, ready(on(older), data(1<<20))), wish(desire(respawning, data(1<<20))), usual,
			[]string{"- spawn web: respawned", "+ spawn web: respawned on tiny.golden-" + current + "; it was made from tiny.golden-" + older + " keep tiny.web.data.qcow2", "- image"}},
		"only when the image is there": {
			host([]Generation{golden(older)}, ready(on(older))), wish(desire(respawning)), usual,
			[]string{"+ image tiny", "- spawn web", "+ spawn web", "- image tiny"}},
		"not on a damaged image": {
			host([]Generation{golden(current, func(g *Generation) { g.Damage = "changed" }), golden(older)}, ready(on(older))), wish(desire(respawning)), usual,
			[]string{"! image tiny", "! spawn web: it is not respawned on generation " + current + ": its golden image", "note spawn web: stays on"}},
		"within the budget": {
			host(bothGenerations, ready(on(older))), wish(desire(respawning)), Policy{},
			[]string{"- spawn web", "+ spawn web", "- image", "!!  : it would destroy more"}},
		"not what is protected": {
			host(bothGenerations, ready(on(older), protected)), wish(desire(respawning, protected)), usual,
			[]string{"! spawn web: it is not respawned on generation " + current + ": it is protected", "note spawn web: stays on"}},
		"not what another inventory made": {
			host(bothGenerations, ready(on(older), madeThere)), wish(desire(respawning)), usual,
			[]string{"! spawn web: it is not respawned", "note spawn web: stays on", "note spawn web: was made from"}},
		"not a disk that others use": {
			edited(host(bothGenerations, ready(on(older))), usedBy("tiny.web.qcow2", theirs)), wish(desire(respawning)), usual,
			[]string{"! spawn web: it is not respawned on generation " + current + ": others use its disk", "note spawn web: stays on"}},
		"not unseen": {
			edited(host(bothGenerations, ready(on(older))), unscanned), wish(desire(respawning)), usual,
			[]string{"! spawn web: it is not destroyed: it is not known", "note spawn web: stays on"}},
		"not with disks of another image's name": {
			host([]Generation{golden(current)}, ready(of("huge"), data(1<<20))), wish(desire(respawning, data(1<<20))), usual,
			[]string{"! spawn web: its golden image"}},
		"half-made on an old one": {
			edited(host(bothGenerations, ready(on(older))), func(s *State) { s.Spawns[0].Phase = Creating }), wish(desire(respawning)), usual,
			[]string{"- spawn web: respawned", "+ spawn web: respawned", "- image"}},
		"a disk without a domain is not destroyed for it": {
			edited(host(bothGenerations), volume("tiny.web.qcow2", Volume{Size: 1 << 30, Backing: folder + "/" + olderAt}), usedBy(olderAt, User{"image", folder + "/tiny.web.qcow2"})),
			wish(desire(respawning)), usual,
			[]string{"! spawn web: it has no domain, but its disk", "note image tiny: generation " + older + " stays"}},
		"consolidated": {
			host(bothGenerations, ready(on(older))), wish(desire(consolidating)), usual,
			[]string{"~ spawn web: disk overlay → standalone", "- image tiny"}},
		"consolidated once": {
			edited(host(sound, ready(on(older))), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(desire(consolidating)), usual, []string{}},
	})
}

func TestASpawnWaitsForTheImageThatItIsMadeAnewFrom(t *testing.T) {
	p := Diff(host([]Generation{golden(older)}, ready(on(older))), wish(desire(respawning)), usual)
	if got := p.Dependencies(); !slices.Contains(got[1], 0) || p.Actions[1].Verb != Destroy {
		t.Errorf("%v: %v", lines(p), got)
	}
}

// TestAMovedSpawnWaitsForItsImage: what is destroyed on one host for the sake
// of another must be able to come there.
func TestAMovedSpawnWaitsForItsImage(t *testing.T) {
	actual := host(sound, ready())
	actual.Hosts["far"] = Host{Name: "far", Folder: folder}
	desired := wish(desire(func(s *Spawn) { s.Host = "far" }))
	desired.Hosts["far"], desired.Images[0].Host = Host{Name: "far"}, "far"
	p := Diff(actual, desired, usual)
	for i, a := range p.Actions {
		if a.Verb == Destroy && a.Spawn != nil && !slices.ContainsFunc(p.Dependencies()[i], func(j int) bool { return p.Actions[j].Verb == Build }) {
			t.Errorf("%v: %v", lines(p), p.Dependencies())
		}
	}
}

func TestAnImageThatIsNotTheOneOfItsSpawnsIsDamaged(t *testing.T) {
	checkDiffs(t, map[string]diffCase{
		"the same": {host([]Generation{golden(current, sum("aa"))}, ready(fingerprint)), wish(desire()), usual, []string{}},
		"another": {host([]Generation{golden(current, sum("bb"))}, ready(fingerprint)), wish(desire()), usual,
			[]string{"! image tiny: golden image tiny.golden-" + current + " is damaged: it is not the one that spawn web was made on", "! spawn web: its golden image"}},
		"nothing is made from it": {host([]Generation{golden(current, sum("bb"))}, ready(fingerprint)), wish(desire(), desire(named("new"))), usual,
			[]string{"! image tiny", "! spawn new: its golden image", "! spawn web"}},
		"not of an overlay of another": {host([]Generation{golden(current, sum("bb")), golden(older, sum("aa"))}, ready(on(older), fingerprint)), wish(desire()), usual,
			[]string{"note spawn web: stays on"}},
		"not of a standalone disk": {
			edited(host([]Generation{golden(current, sum("bb"))}, ready(fingerprint)), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(desire()), usual, []string{}},
	})
}

func built(at int, definition string) func(*Generation) {
	return func(g *Generation) { g.Created, g.Definition = time.Unix(int64(at), 0), definition }
}

func TestTheNewestOfADefinitionCounts(t *testing.T) {
	again := golden("eeeeeeeeeeee", built(2, current))
	checkDiffs(t, map[string]diffCase{
		"the newest": {host([]Generation{golden(current, built(1, current)), again}, ready(on("eeeeeeeeeeee"))), wish(desire()), usual,
			[]string{"- image tiny: generation " + current + " is superseded by eeeeeeeeeeee"}},
		"not an older one": {host([]Generation{golden(current, built(3, current)), again}, ready()), wish(desire()), usual,
			[]string{"- image tiny: generation eeeeeeeeeeee is superseded"}},
		"not an unfinished one": {host([]Generation{golden(current, built(1, current)), golden("eeeeeeeeeeee", built(2, current), func(g *Generation) { g.Complete = false })}, ready()),
			wish(desire()), usual, []string{"- image tiny: left by a publish"}},
		"not one of another definition": {host([]Generation{golden(current, built(1, current)), golden(older, built(2, older))}, ready()), wish(desire()), usual,
			[]string{"- image tiny: generation " + older + " is superseded"}},
	})
}

func TestAnImageIsBuiltAgainOnce(t *testing.T) {
	m := &model{State: host(sound, ready(on(current)))}
	desired := Rebuilt(m.State, wish(desire(respawning)), []string{"tiny"})
	p := Diff(m.State, desired, usual)
	if !shaped(lines(p), []string{"+ image tiny: built again: generation", "- spawn web", "+ spawn web", "- image tiny"}) {
		t.Fatal(lines(p))
	}
	for _, a := range p.Actions {
		m.perform(a, 9)
	}
	m.references()
	for _, again := range []State{desired, wish(desire(respawning))} {
		if p := Diff(m.State, again, usual); !p.Empty() {
			t.Error(lines(p))
		}
	}
	if other := Rebuilt(m.State, wish(desire()), []string{"tiny"}); other.Images[0].Hash == desired.Images[0].Hash {
		t.Error("it cannot be built a third time")
	}
}

func TestAnImageThatWasNeverBuiltIsJustBuilt(t *testing.T) {
	if got := Rebuilt(host(nil), wish(desire()), []string{"tiny"}); got.Images[0].Hash != current {
		t.Errorf("%+v", got.Images)
	}
}

// TestAnOldGenerationWaitsForTheNewOne: a build can fail.
func TestAnOldGenerationWaitsForTheNewOne(t *testing.T) {
	p := Diff(host([]Generation{golden(older)}), wish(), usual)
	if got := p.Dependencies(); len(got) != 2 || p.Actions[1].Verb != Destroy || !slices.Contains(got[1], 0) {
		t.Errorf("%v: %v", lines(p), got)
	}
}

// TestASpawnWithoutADiskStandsOnNothing: its image can come back with other bytes.
func TestASpawnWithoutADiskStandsOnNothing(t *testing.T) {
	half := ready(phase(Creating), fingerprint)
	for name, images := range map[string][]Generation{"gone": nil, "another": {golden(current, sum("bb"))}} {
		p := Diff(host(images, half), wish(desire()), usual)
		last := p.Actions[len(p.Actions)-1]
		if len(p.Refused) > 0 || last.Verb != Create || last.Spawn.Fingerprint != "" {
			t.Errorf("%s: %v", name, lines(p))
		}
	}
}

// TestARespawnOfAHalfMadeSpawnIsInTheBudget: its disk can be older than itself.
func TestARespawnOfAHalfMadeSpawnIsInTheBudget(t *testing.T) {
	half := edited(host(bothGenerations, ready(on(older))), func(s *State) { s.Spawns[0].Phase = Creating })
	if p := Diff(half, wish(desire(respawning)), Policy{}); len(p.Whole()) != 1 {
		t.Errorf("%v", lines(p))
	}
}

func TestWhatAnImageIsMadeOfHasNoSecret(t *testing.T) {
	if got := (Generation{Source: Source{URL: "https://x/a.img?token=secret"}}).Made(); got != "https://x/a.img" {
		t.Error(got)
	}
}
