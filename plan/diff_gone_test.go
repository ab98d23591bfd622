package plan

import "testing"

func TestGoneSpawns(t *testing.T) {
	a, b := ready(named("a")), ready(named("b"))
	withData := ready(data(1 << 30))
	checkDiffs(t, map[string]diffCase{
		"an extra disk has internal snapshots": {
			edited(host(sound, withData), volume("tiny.web.data.qcow2", Volume{Size: 1 << 30, Snapshots: 1})), wish(), usual,
			[]string{"! spawn web: it is not destroyed: its disk tiny.web.data.qcow2 has internal snapshots"}},
		"an extra disk is somebody's, too": {
			edited(host(sound, withData), usedBy("tiny.web.data.qcow2", User{"image", "/x"})), wish(), usual,
			[]string{"- spawn web: left the inventory keep tiny.web.data.qcow2", "note spawn web: its disk tiny.web.data.qcow2 stays"}},
		"nobody has looked who uses its disks": {
			edited(host(sound, ready()), unscanned), wish(), usual,
			[]string{"! spawn web: it is not destroyed: it is not known who else uses its disks"}},
		"a disk of the user's is attached": {
			host(sound, ready(func(s *Spawn) { s.Foreign = []string{"/home/x.img"} })), wish(), usual,
			[]string{"- spawn web: left the inventory", "note spawn web: its disk /home/x.img stays: it is not this spawn's alone"}},
		"its disk was moved by an external snapshot": {
			host(sound, ready(func(s *Spawn) { s.Root = folder + "/tiny.web.snap" })), wish(), byName,
			[]string{"! spawn web: it is not destroyed: its disk is now /pool/tiny.web.snap"}},
		"its disk is gone": {edited(host(sound, ready()), lost("tiny.web.qcow2")), wish(), usual,
			[]string{"- spawn web: left the inventory"}},
		"protection counts as recorded, not as declared elsewhere": {
			host(sound, ready(protected), b), wish(desire(named("b"))), usual, []string{"! spawn web: it is protected"}},
		"protection binds a destroy by name as well": {host(sound, ready(protected)), wish(), byName, []string{"! spawn web: it is protected"}},
		"another origin does not bind a destroy by name": {host(sound, ready(madeThere)), wish(), byName,
			[]string{"- spawn web: destroyed by name"}},
		"several domains claim to be it": {
			host(sound, ready(), ready(func(s *Spawn) { s.UUID, s.Domain = "u-x", "x" }), ready(func(s *Spawn) { s.UUID, s.Domain = "u-y", "y" })),
			wish(), usual, []string{"! spawn web: several domains claim to be this spawn: tiny.web, x, y. Undefine the wrong one"}},
		"the budget is used up": {host(sound, a, b), wish(), Policy{MaxDestroy: 2, AllowEmpty: true},
			[]string{"- spawn a", "- spawn b"}},
		"the budget is for ready spawns": {
			host(sound, a, ready(named("b"), phase(Deleting)), ready(named("c"), phase(Creating))), wish(),
			Policy{MaxDestroy: 1, AllowEmpty: true}, []string{"- spawn a", "- spawn b", "- spawn c"}},
		"nothing is in the budget, and the address has to become free first": {host(sound, a), wish(desire(named("b"))), Policy{},
			[]string{"- spawn a", "+ spawn b", "!!  : it would destroy more ready spawns (1) than policy.max_destroy allows (0)"}},
		"the budget does not bind a destroy by name": {host(sound, a, b), wish(), byName, []string{"- spawn a", "- spawn b"}},
		"only the named one": {host(sound, a, b), wish(), Policy{Explicit: true, Only: map[string]bool{"b": true}},
			[]string{"- spawn b: destroyed by name"}},
		"an empty inventory on an empty host": {host(sound), wish(), Policy{}, []string{}},
		"an empty inventory, and all is protected": {host(sound, ready(protected)), wish(), Policy{MaxDestroy: 5},
			[]string{"!!  : the inventory has no spawns, but 1 of its spawns exist", "! spawn web: it is protected"}},
	})
}

func TestReadySpawns(t *testing.T) {
	there := "there"
	checkDiffs(t, map[string]diffCase{
		"an extra disk cannot be read, and is not grown": {
			edited(host(sound, ready(data(1<<30))), volume("tiny.web.data.qcow2", Volume{Problem: "torn"})),
			wish(desire(data(2 << 30))), usual,
			[]string{"! spawn web: its disk data (tiny.web.data.qcow2) cannot be read: torn"}},
		"an extra disk grows": {host(sound, ready(data(1<<30))), wish(desire(data(2 << 30))), usual,
			[]string{"~ spawn web: size of tiny.web.data.qcow2 1GiB → 2GiB"}},
		"an extra disk shrinks": {host(sound, ready(data(2<<30))), wish(desire(data(1 << 30))), usual,
			[]string{"!!  : spawn web: its disk tiny.web.data.qcow2 cannot shrink from 2GiB to 1GiB"}},
		"it grows, and nobody has looked": {
			edited(host(sound, ready()), unscanned), wish(desire(func(s *Spawn) { s.Disk = 2 << 30 })), usual,
			[]string{"! spawn web: its disk is neither grown nor consolidated: it is not known"}},
		"it is declared as large as it is": {host(sound, ready()), wish(desire(func(s *Spawn) { s.Disk = 1 << 30 })), usual, []string{}},
		"its disks are others": {
			host(sound, ready(data(5))), wish(desire(func(s *Spawn) { s.Disks = []Disk{{"a", 5}, {"b", 5}} })), usual,
			[]string{"! spawn web: not supported yet: changing its disks (data → a, b)"}},
		"its disk is on another image": {
			edited(host(append([]Generation{golden(older, func(g *Generation) { g.Image = "other" })}, sound...), ready()),
				volume("tiny.web.qcow2", Volume{Backing: folder + "/other.golden-aaaaaaaaaaaa.qcow2"})), wish(web()), usual,
			[]string{"! spawn web: its disk stands on /pool/other.golden-aaaaaaaaaaaa.qcow2, which is no image of tiny"}},
		"its disk is detached": {host(sound, ready(func(s *Spawn) { s.Root = "" })), wish(web()), usual,
			[]string{"! spawn web: its disk tiny.web.qcow2 is no longer attached to its domain"}},
		"its image changed, and it stands alone": {
			edited(host(sound, ready(of("old"))), volume("old.web.qcow2", Volume{Size: 1 << 30})), wish(web()), usual, []string{}},
		"it was made by hand-written tools without a seed": {host(sound, ready(func(s *Spawn) { s.SeedHash = "" })), wish(web()), usual, []string{}},
		"another origin made it": {host(sound, ready(madeThere)), wish(web()), usual,
			[]string{"note spawn web: was made from another inventory, " + there + "; --take-over makes it this one's"}},
		"autostart and protection are lifted": {
			host(sound, ready(protected, func(s *Spawn) { s.Autostart = true })), wish(web()), usual,
			[]string{"~ spawn web: autostart yes → no, protect yes → no"}},
		"a stopped one shows changes at once": {
			host(sound, ready(func(s *Spawn) { s.Power = Stopped })), wish(desire(func(s *Spawn) { s.Power, s.Memory = Stopped, 2<<30 })), usual,
			[]string{"~ spawn web: memory 1GiB → 2GiB"}},
		"a network with other cards in between": {
			host(sound, ready(func(s *Spawn) { s.NICs = append([]NIC{{Bridge: "br9", MAC: "x"}}, s.NICs...) })), wish(web()), usual, []string{}},
		"its card has another address": {
			host(sound, ready(func(s *Spawn) { s.NICs = []NIC{{Network: "default", MAC: "x"}} })), wish(web()), usual,
			[]string{"! spawn web: not supported yet: changing its networks (default, 02:00:00:00:00:01, is not defined)"}},
	})
}

func TestDisksWithoutDomain(t *testing.T) {
	overlay := Volume{Size: 1 << 30, Backing: folder + "/" + sound[0].File()}
	wants := func(size int64) func(*Spawn) { return func(s *Spawn) { s.Disk = size } }
	checkDiffs(t, map[string]diffCase{
		"nobody has looked who uses it": {
			edited(host(sound), volume("tiny.web.qcow2", overlay), unscanned), wish(web()), usual,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: it is not known who uses it"}},
		"it is not known who uses it": {
			edited(host(sound), volume("tiny.web.qcow2", overlay), unknown("pool y")), wish(web()), usual,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: it is not known who uses it: pool y"}},
		"it cannot be read": {
			edited(host(sound), volume("tiny.web.qcow2", Volume{Problem: "torn"})), wish(web()), usual,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: torn"}},
		"it stands on a damaged image": {
			edited(host([]Generation{golden(current, func(g *Generation) { g.Damage = "changed" })}), volume("tiny.web.qcow2", overlay)),
			wish(web()), usual,
			[]string{"! image tiny: golden image", "! spawn web: it has no domain, but its disk /pool/tiny.web.qcow2 exists and cannot be taken up: its backing file is"}},
		"it stands alone and is smaller than the golden image": {
			edited(host([]Generation{golden(current, func(g *Generation) { g.Disk = 9 << 30 })}), volume("tiny.web.qcow2", Volume{Size: 1 << 30})),
			wish(desire(wants(1 << 30))), usual, []string{"+ spawn web: its domain is missing; its disk is kept: tiny.web.qcow2"}},
		"it is larger than declared": {
			edited(host(sound), volume("tiny.web.qcow2", Volume{Size: 3 << 30})), wish(desire(wants(2 << 30))), usual,
			[]string{"!!  : spawn web: its disk tiny.web.qcow2 cannot shrink from 3GiB to 2GiB"}},
		"it has internal snapshots and is to grow": {
			edited(host(sound), volume("tiny.web.qcow2", Volume{Size: 1 << 30, Snapshots: 1})), wish(desire(wants(2 << 30))), usual,
			[]string{"+ spawn web: its domain is missing", "! spawn web: its disk is neither grown nor consolidated: its disk tiny.web.qcow2 has internal snapshots"}},
		"only an extra disk": {
			edited(host(sound), volume("tiny.web.data.qcow2", Volume{Size: 5})), wish(desire(data(5))), usual,
			[]string{"+ spawn web: its domain is missing; its disk is kept: tiny.web.data.qcow2 keep tiny.web.data.qcow2"}},
		"only an extra disk, and it is an overlay": {
			edited(host(sound), volume("tiny.web.data.qcow2", overlay)), wish(desire(data(5))), usual,
			[]string{"! spawn web: it has no domain, but its disk /pool/tiny.web.data.qcow2 exists and cannot be taken up: its backing file is"}},
		"only an extra disk, and the image cannot be used": {
			edited(host([]Generation{golden(current, func(g *Generation) { g.Damage = "changed" })}), volume("tiny.web.data.qcow2", Volume{Size: 5})),
			wish(desire(data(5))), usual, []string{"! image tiny", "! spawn web: its golden image tiny.golden-cccccccccccc cannot be used"}},
		"an extra disk and a seed, which is for the lost one": {
			edited(host(sound), volume("tiny.web.data.qcow2", Volume{Size: 5}), volume("tiny.web.seed.iso", Volume{})), wish(desire(data(5))), usual,
			[]string{"+ spawn web: its domain is missing; its disk is kept: tiny.web.data.qcow2 keep tiny.web.data.qcow2"}},
		"only a seed": {edited(host(sound), volume("tiny.web.seed.iso", Volume{})), wish(web()), usual, []string{"+ spawn web: new"}},
	})
}
