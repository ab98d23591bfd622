package plan

import "slices"

// grown are the volumes that are declared larger than they are.
func (v *view) grown(want, have Spawn) ([]Growth, []Change) {
	var growths []Growth
	var changes []Change
	for _, declared := range sizes(want, have) {
		volume, ok := v.volume(have.Host, declared.Volume)
		if ok && declared.Size > volume.Size {
			growths = append(growths, declared)
			changes = append(changes, Change{SizeField + " of " + declared.Volume, Bytes(volume.Size), Bytes(declared.Size)})
		}
	}
	return growths, changes
}

// grownOf are those of the kept volumes that grow.
func (v *view) grownOf(want Spawn, keep []string) []Growth {
	growths, _ := v.grown(want, want)
	return slices.DeleteFunc(growths, func(g Growth) bool { return !slices.Contains(keep, g.Volume) })
}

// pulled tells whether an overlay is declared to stand alone, now or when its
// image has a newer generation.
func (v *view) pulled(want, have Spawn) bool {
	root, ok := v.root(have)
	return ok && root.Backing != "" && (want.Consolidate || consolidates(want, have))
}

// reshaped tells whether a plan changes the disks of a ready spawn.
func (v *view) reshaped(want Spawn) bool {
	have, ok := v.have[want.key()]
	if !ok || have.Phase != Ready {
		return false
	}
	growths, _ := v.grown(want, have)
	return len(growths) > 0 || v.pulled(want, have)
}

// reshape adds to an update what it does to disks, unless snapshots or others
// hang on them.
func (d *differ) reshape(want, have Spawn, update *Action) {
	if !d.reshaped(want) {
		return
	}
	if problem := d.hanging(have); problem != "" {
		d.refuseReshape(want, problem)
		return
	}
	growths, changes := d.grown(want, have)
	update.Grow = growths
	update.Changes = append(update.Changes, changes...)
	if update.Pull = d.pulled(want, have); update.Pull {
		update.Changes = append(update.Changes, Change{DiskField, "overlay", "standalone"})
	}
}

func (d *differ) refuseReshape(want Spawn, problem string) {
	d.refuseSpawn(want, "its disk is neither grown nor consolidated: %s", problem)
}
