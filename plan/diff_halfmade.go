package plan

import "fmt"

// halfMadeSpawn is completed forward, on the generation that it was begun on
// while that is there, and brought to what is declared now.
func (d *differ) halfMadeSpawn(want, have Spawn) {
	made := take(want, have)
	if diskNames(want) == diskNames(have) {
		made.Disks = want.Disks // one that is not made yet gets the size that is declared now
	}
	root, exists := d.root(have)
	switch problem := d.halfMadeProblem(have); {
	case problem != "":
		d.refuseSpawn(want, "it was half-made when a run was killed, and %s", problem)
	case exists:
		d.standOn(&made, root)
		d.onRoot(made, want, have)
	case d.usable[generationKey(have)] && !respawns(want, have) && !consolidates(want, have):
		made.Fingerprint = "" // nothing stands on it yet
		d.completeSpawn(made, want, have)
	case have.Image == want.Image:
		made.Generation, made.Fingerprint = want.Generation, ""
		d.completeSpawn(made, want, have)
	case len(d.existing(have)) > 0: // it may be one that lay there before
		d.refuseSpawn(want, "it was half-made when a run was killed, its image is gone, and its disk %s exists: "+
			"destroy it to have it made anew (pcloud-apply destroy %s)", d.path(have.Host, d.existing(have)[0]), have.Name)
	default:
		d.anewSpawn(want, have, "half-made from an image that is gone", "made anew from its new image")
	}
}

// onRoot goes on with a root volume that was made.
func (d *differ) onRoot(made, want, have Spawn) {
	if respawns(want, made) {
		d.respawn(want, have)
		return
	}
	made.Consolidate = made.Consolidate || consolidates(want, made)
	d.completeSpawn(made, want, have)
}

// halfMadeProblem says why the volumes of a half-made spawn cannot be taken as they are.
func (d *differ) halfMadeProblem(have Spawn) string {
	if root, exists := d.root(have); exists && d.rootProblem(have, root) != "" {
		return d.rootProblem(have, root)
	}
	if shared := d.sharedVolumes(have); len(shared) > 0 {
		return fmt.Sprintf("others use its disk %s: move that away", d.path(have.Host, shared[0]))
	}
	return ""
}

func (d *differ) completeSpawn(made, want, have Spawn) {
	if d.shrinks(made, have) {
		return
	}
	before := len(d.plan.Actions)
	d.newSpawn(made, d.existing(have), "half-made when a run was killed: completed")
	if len(d.plan.Actions) > before {
		d.plan.Actions[before].Changes = definedChanges(want, have)
	}
}
