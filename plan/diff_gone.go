package plan

import "strings"

// goneSpawns destroys what is no longer in the inventory, and finishes what a
// killed run began to destroy.
func (d *differ) goneSpawns() {
	for _, have := range d.actual.Spawns {
		if d.wanted[have.key()] || !d.selected(have) || d.destroys[have.key()] {
			continue
		}
		d.goneSpawn(have)
	}
}

func (d *differ) goneSpawn(have Spawn) {
	switch {
	case len(d.twice[have.key()]) > 0:
		d.refuseSpawn(have, "several domains claim to be this spawn: %s. Undefine the wrong one",
			strings.Join(d.twice[have.key()], ", "))
	case have.Phase == Deleting:
		d.destroySpawn(have, "its destruction was not finished")
	case have.Protect:
		d.refuseSpawn(have, "it is protected and is not destroyed. To lift that, declare it with protect: false, apply, "+
			"and take it out of the inventory then")
	case !d.sameOrigin(have.Origin):
		d.refuseSpawn(have, "it is not in this inventory, but was made from another one of the same name, %s, "+
			"and is not destroyed. If it should go, use --take-over", have.Origin)
	default:
		d.destroySpawn(have, d.goneReason())
	}
}

func (d *differ) goneReason() string {
	if d.policy.Explicit {
		return "destroyed by name"
	}
	return "left the inventory"
}

// destroySpawn plans the destruction, unless something hangs on its disks that
// would be lost with them. Volumes that others name stay.
func (d *differ) destroySpawn(have Spawn, reason string) {
	if problem := d.hanging(have); problem != "" {
		d.refuseSpawn(have, "it is not destroyed: %s", problem)
		return
	}
	d.destroys[have.key()] = true
	keep := d.sharedVolumes(have)
	for _, file := range append(keep, have.Foreign...) {
		d.noteSpawn(have, "its disk %s stays: it is not this spawn's alone", file)
	}
	d.act(Action{Verb: Destroy, Host: have.Host, Spawn: &have, Keep: keep, Reason: reason})
}

// hanging says what would be lost with the spawn's disks. A destruction that
// has begun is not held up by it: its disks may be gone already.
func (d *differ) hanging(have Spawn) string {
	root, ok := d.root(have)
	refs := d.actual.References[have.Host]
	switch {
	case have.Phase == Deleting:
		return ""
	case refs.Snapshots[have.UUID] > 0:
		return "it has snapshots or checkpoints; delete them first (virsh snapshot-list " + have.Domain + ")"
	case root.Snapshots > 0:
		return "its disk has internal snapshots; delete them first (qemu-img snapshot -l)"
	case ok && have.Root != d.path(have.Host, have.Volume()):
		return d.movedDisk(have)
	case len(refs.Unknown) > 0:
		return "it is not known who else uses its disks: " + refs.Unknown[0]
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
