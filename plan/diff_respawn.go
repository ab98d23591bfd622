package plan

import (
	"fmt"
	"slices"
)

// What a spawn does when its image has a newer generation than it stands on.
const (
	Respawn     = "respawn"
	Consolidate = "consolidate"
)

// behind tells whether a spawn was made from another generation than a new one
// would be.
func behind(want, have Spawn) bool {
	return have.Image != want.Image || have.Generation != want.Generation
}

// respawns tells whether a spawn is to be made anew on its image's generation.
func respawns(want, have Spawn) bool {
	return want.OnImageChange == Respawn && behind(want, have) && diskNames(want) == diskNames(have)
}

// consolidates tells whether a spawn is to stand alone rather than on another
// generation than its image's.
func consolidates(want, have Spawn) bool {
	return want.OnImageChange == Consolidate && behind(want, have)
}

// respawn plans that a spawn is destroyed and made anew, once its image is
// there; its extra disks stay. It tells whether it did: before a spawn goes, it
// is certain that the new one can come.
func (d *differ) respawn(want, have Spawn) bool {
	if problem := d.respawnProblem(want, have); problem != "" {
		d.refuseSpawn(want, "it is not respawned on generation %s: %s", want.Generation, problem)
		return false
	}
	going := have
	going.Disks = nil // the mark of one that is going names what goes with it
	reason := fmt.Sprintf("respawned on %s.golden-%s; it was made from %s.golden-%s", want.Image, want.Generation, have.Image, have.Generation)
	if !d.destroySpawn(going, reason) {
		return false
	}
	d.plan.Actions[len(d.plan.Actions)-1].Next = &want
	d.newSpawn(want, d.extraDisks(have), reason)
	return true
}

// extraDisks are the spawn's own volumes that are there, but for its root volume.
func (d *differ) extraDisks(have Spawn) []string {
	return slices.DeleteFunc(d.existing(have), func(name string) bool { return name == have.Volume() })
}

func (d *differ) respawnProblem(want, have Spawn) string {
	strays := d.strays(want, have)
	switch {
	case want.Protect || have.Protect:
		return "it is protected"
	case !d.sameOrigin(have.Origin):
		return fmt.Sprintf("it was made from another inventory, %s. If it should go, use --take-over", have.Origin)
	case have.Image != want.Image && len(have.Disks) > 0:
		return fmt.Sprintf("its disks are named after %s and would not come along", have.Image)
	case len(d.sharedVolumes(have)) > 0:
		return fmt.Sprintf("others use its disk %s", d.path(have.Host, d.sharedVolumes(have)[0]))
	case len(strays) > 0:
		return fmt.Sprintf("a disk %s lies there already", d.path(want.Host, strays[0]))
	}
	return d.newProblem(want)
}

// newProblem says why a spawn could not be made from nothing.
func (d *differ) newProblem(want Spawn) string {
	if what, taken := d.actual.Foreign[DomainKey{want.Host, want.Domain}]; taken {
		return fmt.Sprintf("a domain %s exists that is not this inventory's%s", want.Domain, what)
	}
	return d.noRoot(want)
}
