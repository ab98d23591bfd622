package plan

import "fmt"

// damage says why a ready spawn is not as it should be: reported, never
// repaired by making it anew.
func (d *differ) damage(have Spawn) string {
	root, ok := d.root(have)
	switch {
	case have.Root != d.path(have.Host, have.Volume()):
		return d.movedDisk(have)
	case !ok:
		return fmt.Sprintf("its disk %s is gone: restore it from a backup, or destroy the spawn to have it made anew "+
			"(pcloud-apply destroy %s)", have.Root, have.Name)
	}
	if problem := d.rootProblem(have, root); problem != "" {
		return problem
	}
	return d.diskProblem(have)
}

// movedDisk is about a disk that the domain no longer uses, as an external
// snapshot leaves it. Only a stopped or running state can still be kept.
func (d *differ) movedDisk(have Spawn) string {
	if have.Root == "" {
		return "its disk " + have.Volume() + " is no longer attached to its domain: attach it again"
	}
	return fmt.Sprintf("its disk is now %s (an external snapshot?): commit or delete the snapshot, "+
		"so that the disk is %s again", have.Root, have.Volume())
}

// rootProblem says why a root volume cannot be used as it is.
func (d *differ) rootProblem(s Spawn, root Volume) string {
	if root.Problem != "" {
		return fmt.Sprintf("its disk %s cannot be read: %s", s.Volume(), root.Problem)
	}
	if root.Backing == "" {
		return ""
	}
	g := d.generationAt(s.Host, root.Backing)
	switch {
	case g.Hash == "" || !g.Complete:
		return fmt.Sprintf("its golden image %s is gone: restore it from a backup; the spawn is left as it is", root.Backing)
	case g.Image != s.Image:
		return fmt.Sprintf("its disk stands on %s, which is no image of %s", root.Backing, s.Image)
	case g.Damage != "":
		return fmt.Sprintf("its golden image %s is damaged: %s; the spawn is left as it is", g.Name(), g.Damage)
	}
	return ""
}

// diskProblem says which extra disk is missing or cannot be read.
func (d *differ) diskProblem(have Spawn) string {
	for _, disk := range have.Disks {
		switch volume, ok := d.volume(have.Host, have.DiskVolume(disk.Name)); {
		case !ok:
			return fmt.Sprintf("its disk %s (%s) is gone: restore it from a backup", disk.Name, have.DiskVolume(disk.Name))
		case volume.Problem != "":
			return fmt.Sprintf("its disk %s (%s) cannot be read: %s", disk.Name, have.DiskVolume(disk.Name), volume.Problem)
		}
	}
	return ""
}

// unsupported names a declared difference that this version cannot make.
func (d *differ) unsupported(want, have Spawn) string {
	if diskNames(want) != diskNames(have) {
		return fmt.Sprintf("changing its disks (%s → %s)", diskNames(have), diskNames(want))
	}
	return changedNIC(want, have)
}

// changedNIC looks for every declared card; cards that somebody added are theirs.
func changedNIC(want, have Spawn) string {
	defined := map[NIC]bool{}
	for _, nic := range have.NICs {
		defined[nic.source()] = true
	}
	for _, nic := range want.NICs {
		if !defined[nic.source()] {
			return fmt.Sprintf("changing its networks (%s%s, %s, is not defined)", nic.Network, nic.Bridge, nic.MAC)
		}
	}
	return ""
}

// sizes are the declared sizes of the spawn's volumes; 0 means as it is.
func sizes(want, have Spawn) []Growth {
	list := []Growth{{have.Volume(), want.Disk}}
	for _, disk := range want.Disks {
		list = append(list, Growth{have.DiskVolume(disk.Name), disk.Size})
	}
	return list
}

// shrinks refuses the whole plan when a disk is declared smaller than it is.
func (d *differ) shrinks(want, have Spawn) bool {
	for _, declared := range sizes(want, have) {
		volume, ok := d.volume(have.Host, declared.Volume)
		if ok && declared.Size > 0 && declared.Size < volume.Size {
			d.refuseAll("spawn %s: its disk %s cannot shrink from %s to %s (%s)",
				want.Name, declared.Volume, Bytes(volume.Size), Bytes(declared.Size), want.At)
			return true
		}
	}
	return false
}

// notes tells what differs and stays.
func (d *differ) notes(want, have Spawn) {
	root, _ := d.root(have)
	if behind(want, have) && root.Backing != "" && !d.pulled(want, have) {
		d.noteSpawn(want, "stays on %s.golden-%s; the current generation is %s.golden-%s",
			have.Image, have.Generation, want.Image, want.Generation)
	}
	if have.SeedHash != "" && have.SeedHash != want.Seed.Hash() {
		d.noteSpawn(want, "its cloud-init settings changed; its seed stays until it is spawned anew")
	}
	if len(have.Pending) > 0 {
		d.noteSpawn(want, "waits for a restart: %s", joinChanges(have.Pending))
	}
	if have.Origin != d.desired.Origin && !d.policy.TakeOver {
		d.noteSpawn(want, "was made from another inventory, %s; --take-over makes it this one's", have.Origin)
	}
}

func diskNames(s Spawn) string {
	if len(s.Disks) == 0 {
		return "none"
	}
	list := ""
	for i, disk := range s.Disks {
		if i > 0 {
			list += ", "
		}
		list += disk.Name
	}
	return list
}
