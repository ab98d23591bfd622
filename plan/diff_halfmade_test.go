package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHalfMadeSpawns(t *testing.T) {
	otherImage := ready(of("gone"), phase(Creating))
	halfMade := ready(phase(Creating))
	overlay := Volume{Size: 1 << 30, Backing: folder + "/" + sound[0].File()}
	checkDiffs(t, map[string]diffCase{
		"its image is gone and nothing of it is made": {
			host(sound, otherImage), wish(web()), usual,
			[]string{"- spawn web: half-made from an image that is gone", "+ spawn web: made anew from its new image"}},
		"its image is gone and it cannot be destroyed": {
			edited(host(sound, otherImage), unknown("image y")), wish(web()), usual,
			[]string{"! spawn web: it is not destroyed: it is not known who else uses its disks: image y"}},
		"its image is gone and a disk of it is there": {
			edited(host(sound, ready(of("gone"), phase(Creating), data(5))), volume("gone.web.data.qcow2", Volume{Size: 5})),
			wish(desire(data(5))), usual,
			[]string{"! spawn web: it was half-made when a run was killed, its image is gone, and its disk /pool/gone.web.data.qcow2 exists"}},
		"its image is gone and the new domain's name is taken": {
			edited(host(sound, otherImage), foreign("tiny.web")), wish(web()), usual,
			[]string{"- spawn web: half-made from", "! spawn web: a domain tiny.web exists that is not this inventory's"}},
		"its image is gone and a disk of the new name is there": {
			edited(host(sound, otherImage), volume("tiny.web.qcow2", overlay)), wish(web()), usual,
			[]string{"- spawn web: half-made from", "+ spawn web: made anew from its new image; its disk is kept: tiny.web.qcow2"}},
		"others use its disk": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", overlay), usedBy("tiny.web.qcow2", User{"domain", "x"})),
			wish(web()), usual,
			[]string{"! spawn web: it was half-made when a run was killed, and others use its disk /pool/tiny.web.qcow2"}},
		"only its own domain uses its disk": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", overlay), usedBy("tiny.web.qcow2", User{"domain", "tiny.web"})),
			wish(web()), usual,
			[]string{"+ spawn web: half-made when a run was killed: completed keep tiny.web.qcow2"}},
		"its disk cannot be read": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", Volume{Problem: "torn"})), wish(web()), usual,
			[]string{"! spawn web: it was half-made when a run was killed, and its disk tiny.web.qcow2 cannot be read: torn"}},
		"its disk stands on an image that is gone": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", Volume{Backing: folder + "/" + olderAt})), wish(web()), usual,
			[]string{"! spawn web: it was half-made when a run was killed, and its golden image /pool/tiny.golden-aaaaaaaaaaaa.qcow2 is gone"}},
		"its disk is larger than declared": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", Volume{Size: 3 << 30, Backing: overlay.Backing})),
			wish(desire(func(s *Spawn) { s.Disk = 2 << 30 })), usual,
			[]string{"!!  : spawn web: its disk tiny.web.qcow2 cannot shrink from 3GiB to 2GiB"}},
		"it has snapshots and is to stand alone": {
			edited(host(sound, halfMade), volume("tiny.web.qcow2", overlay), func(s *State) { s.References["local"].Snapshots["u-web"] = 1 }),
			wish(desire(standalone)), usual,
			[]string{"+ spawn web: half-made", "! spawn web: its disk is neither grown nor consolidated: it has snapshots"}},
		"its generation is damaged, and the declared one is sound": {
			host([]Generation{golden(current), golden(older, func(g *Generation) { g.Damage = "changed" })}, ready(phase(Creating), on(older))),
			wish(web()), usual,
			[]string{"+ spawn web: half-made", "! image tiny: superseded golden image tiny.golden-aaaaaaaaaaaa is damaged"}},
		"it left the inventory": {
			host(sound, halfMade), wish(), Policy{AllowEmpty: true}, []string{"- spawn web: left the inventory"}},
		"it left the inventory and is protected": {
			host(sound, ready(phase(Creating), protected)), wish(), usual, []string{"! spawn web: it is protected"}},
	})
}

func TestHalfDestroyedSpawns(t *testing.T) {
	deleting := ready(phase(Deleting))
	checkDiffs(t, map[string]diffCase{
		"wanted, and others use its disk": {
			edited(host(sound, deleting), volume("tiny.web.qcow2", Volume{}), usedBy("tiny.web.qcow2", User{"image", "/x"})), wish(web()), usual,
			[]string{"- spawn web: its destruction was not finished keep tiny.web.qcow2",
				"! spawn web: it is not made anew: others use its old disk /pool/tiny.web.qcow2",
				"note spawn web: its disk tiny.web.qcow2 stays"}},
		"wanted, and a foreign domain has taken its name": {
			edited(host(sound, ready(phase(Deleting), func(s *Spawn) { s.Domain = "old.name" })), foreign("tiny.web")), wish(web()), usual,
			[]string{"- spawn web: its destruction was not finished", "! spawn web: a domain tiny.web exists"}},
		"wanted from another image, and a disk of the new name is there": {
			edited(host(sound, ready(of("gone"), phase(Deleting))), volume("tiny.web.qcow2", Volume{Size: 1 << 30})), wish(web()), usual,
			[]string{"- spawn web: its destruction", "+ spawn web: made anew after its destruction; its disk is kept: tiny.web.qcow2"}},
		"wanted with a disk that lies there": {
			edited(host(sound, deleting), volume("tiny.web.qcow2", Volume{}), volume("tiny.web.data.qcow2", Volume{Size: 5})), wish(desire(data(5))), usual,
			[]string{"- spawn web: its destruction", "+ spawn web: made anew after its destruction; its disk is kept: tiny.web.data.qcow2"}},
		"with snapshots, from another origin, protected": {
			edited(host(sound, ready(phase(Deleting), protected, madeThere)), func(s *State) { s.References["local"].Snapshots["u-web"] = 1 }),
			wish(), usual, []string{"- spawn web: its destruction was not finished"}},
	})
}

// A disk that is not made yet must have the size that is declared now, or the
// next plan would have to grow it.
func TestAHalfMadeSpawnGetsWhatIsDeclaredNow(t *testing.T) {
	p := Diff(host(sound, ready(phase(Creating), data(1<<30))), wish(desire(data(2<<30), func(s *Spawn) { s.VCPUs = 2 })), usual)
	if len(p.Actions) != 1 {
		t.Fatal(lines(p))
	}
	made := p.Actions[0]
	want := []any{[]Disk{{"data", 2 << 30}}, []Change{{VCPUsField, "1", "2"}}, 2, true}
	if diff := cmp.Diff(want, []any{made.Spawn.Disks, made.Changes, made.Spawn.VCPUs, made.Start}); diff != "" {
		t.Error(diff)
	}
}

// FileNames must name what the plan will look at.
func TestFilesOfASpawnMadeAnewAreLookedAt(t *testing.T) {
	got := FileNames(host(sound, ready(of("gone"), phase(Deleting))), wish(desire(data(5))))
	want := map[string][]string{"local": {"gone.web.qcow2", "gone.web.seed.iso", "tiny.web.qcow2", "tiny.web.data.qcow2", "tiny.web.seed.iso"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
