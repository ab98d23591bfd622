package plan

import (
	"slices"
	"strings"
)

// goneSpawns destroys what is no longer in the inventory, and finishes what a
// killed run began to destroy.
func (d *differ) goneSpawns() {
	for _, have := range d.actual.Spawns {
		first := d.have[have.key()].UUID == have.UUID // of several that claim to be it
		if first && !d.wanted[have.key()] && d.selected(have) {
			d.goneSpawn(have)
		}
	}
}

func (d *differ) goneSpawn(have Spawn) {
	switch {
	case len(d.twice[have.key()]) > 0:
		d.refuseSpawn(have, "several domains claim to be this spawn: %s. Undefine the wrong one",
			strings.Join(d.twice[have.key()], ", "))
	case have.Phase == Deleting:
		d.destroySpawn(have, unfinished)
	case have.Protect:
		d.refuseSpawn(have, "it is protected and is not destroyed. To lift that, declare it with protect: false, apply, "+
			"and take it out of the inventory then")
	case !d.sameOrigin(have.Origin):
		d.refuseSpawn(have, "it is not in this inventory, but was made from another one of the same name, %s, "+
			"and is not destroyed. If it should go, use --take-over", have.Origin)
	case d.movedTo(have) != "" && !d.arrives(have):
		d.refuseSpawn(have, "it is declared on host %s now: it stays until it can be made there", d.movedTo(have))
	case d.destroySpawn(have, d.goneReason(have)):
		d.plan.Actions[len(d.plan.Actions)-1].Next = d.madeElsewhere(have)
	}
}

// arrives tells whether a spawn that moved is on its new host, or will be.
func (d *differ) arrives(have Spawn) bool {
	there, ok := d.have[objectKey{d.movedTo(have), have.Name}]
	return ok && there.Phase == Ready || slices.ContainsFunc(d.plan.Actions, func(a Action) bool { return makes(a, have) })
}

// makes tells whether an action makes the spawn on another host.
func makes(a Action, have Spawn) bool {
	return a.Verb == Create && a.Spawn.Name == have.Name && a.Host != have.Host
}

// madeElsewhere is the spawn that takes the place of one that moved, if it is
// made from a golden image.
func (d *differ) madeElsewhere(have Spawn) *Spawn {
	for _, a := range d.plan.Actions {
		if makes(a, have) && !slices.Contains(a.Keep, a.Spawn.Volume()) {
			return a.Spawn
		}
	}
	return nil
}

// unfinished is why a spawn in phase deleting is destroyed.
const unfinished = "its destruction was not finished"

func (d *differ) goneReason(have Spawn) string {
	switch host := d.movedTo(have); {
	case d.policy.Explicit:
		return "destroyed by name"
	case host != "":
		return "declared on host " + host + " now, and made anew there"
	}
	return "left the inventory"
}

// movedTo is the other host on which a spawn of that name is declared.
func (d *differ) movedTo(have Spawn) string {
	for _, want := range d.desired.Spawns {
		if want.Name == have.Name && want.Host != have.Host {
			return want.Host
		}
	}
	return ""
}

// destroySpawn plans the destruction, unless something hangs on its disks that
// would be lost with them; it tells whether it did. Volumes that others name stay.
func (d *differ) destroySpawn(have Spawn, reason string) bool {
	if problem := d.hanging(have); problem != "" {
		d.refuseSpawn(have, "it is not destroyed: %s", problem)
		return false
	}
	d.destroys[have.key()] = true
	keep := d.sharedVolumes(have)
	for _, file := range append(keep, have.Foreign...) {
		d.noteSpawn(have, "its disk %s stays: it is not this spawn's alone", file)
	}
	d.act(Action{Verb: Destroy, Host: have.Host, Spawn: &have, Keep: keep, Reason: reason})
	return true
}

// hanging says what would be lost with the spawn's disks. A destruction that
// has begun is not held up by it: its disks may be gone already.
func (d *differ) hanging(have Spawn) string {
	_, ok := d.root(have)
	refs := d.references(have.Host)
	switch problem := d.snapshots(have); {
	case have.Phase == Deleting:
		return ""
	case problem != "":
		return problem
	case ok && have.Root != d.path(have.Host, have.Volume()):
		return d.movedDisk(have)
	case refs.unknown() != "":
		return "it is not known who else uses its disks: " + refs.unknown()
	}
	return ""
}

// snapshots says which snapshots hang on the spawn's disks.
func (d *differ) snapshots(s Spawn) string {
	if d.references(s.Host).Snapshots[s.UUID] > 0 {
		return "it has snapshots or checkpoints; delete them first (virsh snapshot-list " + s.Domain + ")"
	}
	for _, name := range s.Volumes() {
		if volume, _ := d.volume(s.Host, name); volume.Snapshots > 0 {
			return "its disk " + name + " has internal snapshots; delete them first (qemu-img snapshot -l)"
		}
	}
	return ""
}

// sharedVolumes are the spawn's own volumes that something else names too.
func (d *differ) sharedVolumes(have Spawn) []string {
	refs := d.actual.References[have.Host]
	var shared []string
	for _, name := range have.Volumes() {
		for _, user := range refs.Users[d.path(have.Host, name)] {
			if user != (User{"domain", have.Domain}) {
				shared = append(shared, name)
				break
			}
		}
	}
	return shared
}
