package plan

import "testing"

func TestSupersededImages(t *testing.T) {
	both := []Generation{golden(current), golden(older)}
	goes := "- image tiny: generation aaaaaaaaaaaa is superseded by cccccccccccc"
	overlay := usedBy(olderAt, User{"domain", "tiny.web"}, User{"image", folder + "/tiny.web.qcow2"})
	alone := func(g *Generation) { g.Complete = false }
	checkDiffs(t, map[string]diffCase{
		"an own overlay needs it": {
			edited(host(both, ready(on(older))), overlay), wish(web()), usual,
			[]string{"note spawn web: stays on tiny.golden-aaaaaaaaaaaa; the current generation is tiny.golden-cccccccccccc"}},
		"nobody has looked who needs it": {edited(host(both), unscanned), wish(), usual, []string{}},
		"an own spawn that stands alone came from it": {
			edited(host(both, ready(on(older))), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(web()), usual, []string{goes}},
		"an own disk that is gone may come back": {
			edited(host(both, ready(on(older))), lost("tiny.web.qcow2")), wish(web()), usual,
			[]string{"! spawn web: its disk /pool/tiny.web.qcow2 is gone"}},
		"an own disk that cannot be read may stand on it": {
			edited(host(both, ready(on(older))), volume("tiny.web.qcow2", Volume{Problem: "torn"})), wish(web()), usual,
			[]string{"! spawn web: its disk tiny.web.qcow2 cannot be read: torn"}},
		"its last overlay goes": {
			edited(host(both, ready(on(older)), ready(named("b"))), overlay), wish(desire(named("b"))), usual,
			[]string{"- spawn web: left the inventory", goes}},
		"its last own overlay goes, a foreign one stays": {
			edited(host(both, ready(on(older))), usedBy(olderAt, User{"domain", "tiny.web"}, User{"image", "/x"})), wish(), usual,
			[]string{"- spawn web: left the inventory", "note image tiny: generation aaaaaaaaaaaa stays: image /x depends on it"}},
		"its last overlay goes, and its volume stays for others": {
			edited(host(both, ready(on(older))), overlay, usedBy("tiny.web.qcow2", User{"domain", "x"})), wish(), usual,
			[]string{"- spawn web: left the inventory keep tiny.web.qcow2",
				"note spawn web: its disk tiny.web.qcow2 stays",
				"note image tiny: generation aaaaaaaaaaaa stays: image /pool/tiny.web.qcow2 depends on it"}},
		"its overlay may not be destroyed": {
			edited(host(both, ready(on(older), protected)), overlay), wish(), usual, []string{"! spawn web: it is protected"}},
		"its overlay may not be consolidated": {
			edited(host(both, ready(on(older))), overlay, func(s *State) { s.References["local"].Snapshots["u-web"] = 1 }),
			wish(desire(standalone)), usual, []string{"! spawn web: its disk is neither grown nor consolidated: it has snapshots"}},
		"a spawn is taken up on it": {
			edited(host(both), volume("tiny.web.qcow2", Volume{Size: 1 << 30, Backing: folder + "/" + olderAt})), wish(web()), usual,
			[]string{"+ spawn web: its domain is missing; its disk is kept"}},
		"a spawn is taken up on it and then stands alone": {
			edited(host(both), volume("tiny.web.qcow2", Volume{Size: 1 << 30, Backing: folder + "/" + olderAt}),
				usedBy(olderAt, User{"image", folder + "/tiny.web.qcow2"})), wish(desire(standalone)), usual,
			[]string{"+ spawn web: its domain is missing; its disk is kept", goes}},
		"a half-made spawn was begun on it": {
			host(both, ready(phase(Creating), on(older))), wish(web()), usual, []string{"+ spawn web: half-made"}},
		"a manifest alone": {
			host([]Generation{golden(current), golden(older, alone)}), wish(), usual,
			[]string{"- image tiny: left by a publish or a removal that was not finished"}},
		"a manifest alone, and an own overlay": {
			host([]Generation{golden(current), golden(older, alone)}, ready(on(older))), wish(web()), usual,
			[]string{"! spawn web: its golden image /pool/tiny.golden-aaaaaaaaaaaa.qcow2 is gone"}},
		"it is another origin's and taken over": {
			host([]Generation{golden(current), golden(older, func(g *Generation) { g.Origin = "there" })}), wish(),
			Policy{TakeOver: true}, []string{goes}},
		"only some spawns are looked at": {host(both), wish(), Policy{Only: map[string]bool{"b": true}}, []string{}},
		"the image left the inventory": {
			host([]Generation{golden(current), golden(older, func(g *Generation) { g.Image = "gone" })}), wish(), usual,
			[]string{"- image gone: left the inventory, and nothing depends on it"}},
		"everything is destroyed": {
			host(both), State{Inventory: "lab", Origin: "elsewhere"}, byName,
			[]string{"- image tiny: destroyed with everything of lab", "- image tiny: destroyed with everything of lab"}},
	})
}

func TestMissingAndDamagedImages(t *testing.T) {
	isGone := "! image tiny: golden image tiny.golden-cccccccccccc is gone, and web depends on it: restore"
	checkDiffs(t, map[string]diffCase{
		"an overlay needs the very same": {host(nil, ready()), wish(web()), usual, []string{isGone,
			"! spawn web: its golden image /pool/tiny.golden-cccccccccccc.qcow2 is gone"}},
		"its manifest is left": {host([]Generation{golden(current, func(g *Generation) { g.Complete = false })}, ready()), wish(web()), usual,
			[]string{isGone, "! spawn web: its golden image"}},
		"the overlay is gone, too": {edited(host(nil, ready()), lost("tiny.web.qcow2")), wish(web(), desire(named("b"))), usual,
			[]string{isGone, "! spawn b: its golden image tiny.golden-cccccccccccc cannot be used",
				"! spawn web: its disk /pool/tiny.web.qcow2 is gone"}},
		"nothing was made on it yet": {host(nil, ready(phase(Creating))), wish(web()), usual,
			[]string{"+ image tiny: new, from /src", "+ spawn web: half-made"}},
		"its spawn stands alone": {edited(host(nil, ready()), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(web()), usual,
			[]string{"+ image tiny: new, from /src"}},
		"its spawn is half destroyed": {host(nil, ready(phase(Deleting))), wish(web()), usual, []string{
			"+ image tiny: new", "- spawn web: its destruction", "+ spawn web: made anew"}},
		"a stopped spawn on a damaged one is not started": {
			host([]Generation{golden(current, func(g *Generation) { g.Damage = "changed" })}, ready(func(s *Spawn) { s.Power = Stopped })),
			wish(web()), usual, []string{"! image tiny: golden image tiny.golden-cccccccccccc is damaged: changed",
				"! spawn web: its golden image tiny.golden-cccccccccccc is damaged: changed"}},
		"one that no selected spawn needs is not built": {
			host(nil), wish(web()), Policy{Only: map[string]bool{"b": true}}, []string{}},
		"one of another origin is used": {
			host([]Generation{golden(current, func(g *Generation) { g.Origin = "there" })}), wish(web()), usual, []string{"+ spawn web: new"}},
		"a manifest that is stale": {
			host([]Generation{golden(current, func(g *Generation) { g.Stale = true })}), wish(), usual,
			[]string{"~ image tiny: manifest stale → current"}},
	})
}
