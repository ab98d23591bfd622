package plan

import (
	"fmt"
	"slices"
	"strings"
)

// wantedSpawns makes what is missing and changes what differs.
func (d *differ) wantedSpawns() {
	for _, want := range d.desired.Spawns {
		if d.selected(want) {
			d.wantedSpawn(want)
		}
	}
}

func (d *differ) wantedSpawn(want Spawn) {
	have, ok := d.have[want.key()]
	switch {
	case len(d.twice[want.key()]) > 0:
		d.refuseSpawn(want, "several domains claim to be this spawn: %s. Undefine the wrong one",
			strings.Join(d.twice[want.key()], ", "))
	case !ok:
		d.missingSpawn(want)
	case have.Phase == Deleting:
		d.anewSpawn(want, have, unfinished, "made anew after its destruction")
	case have.Phase == Creating:
		d.halfMadeSpawn(want, have)
	default:
		d.readySpawn(want, have)
	}
}

// anewSpawn destroys and makes, unless a disk has to stay that others use.
func (d *differ) anewSpawn(want, have Spawn, why, then string) {
	if !d.destroySpawn(have, why) {
		return
	}
	shared, strays := d.sharedVolumes(have), d.strays(want, have)
	switch {
	case len(shared) > 0:
		d.refuseSpawn(want, "it is not made anew: others use its old disk %s. Move that away", d.path(have.Host, shared[0]))
	case d.taken(want):
	case len(strays) > 0:
		d.reattach(want, strays, then)
	default:
		d.newSpawn(want, nil, then)
	}
}

// strays are volumes in the way of a spawn that do not go with the old one.
func (d *differ) strays(want, have Spawn) []string {
	going := have.Volumes()
	return slices.DeleteFunc(d.existing(want), func(name string) bool { return slices.Contains(going, name) })
}

// missingSpawn has no domain. Its disk may still be there.
func (d *differ) missingSpawn(want Spawn) {
	existing := d.existing(want)
	switch {
	case d.taken(want):
	case len(existing) > 0:
		d.reattach(want, existing, "its domain is missing")
	default:
		d.newSpawn(want, nil, "new")
	}
}

// taken refuses a spawn whose domain's name a foreign domain has.
func (d *differ) taken(want Spawn) bool {
	what, taken := d.actual.Foreign[DomainKey{want.Host, want.Domain}]
	if taken {
		d.refuseSpawn(want, "a domain %s exists that is not this inventory's%s: rename one of them", want.Domain, what)
	}
	return taken
}

// newSpawn plans a spawn on its image's current generation. Volumes in keep
// exist and are taken as they are.
func (d *differ) newSpawn(want Spawn, keep []string, reason string) {
	if !slices.Contains(keep, want.Volume()) {
		if problem := d.noRoot(want); problem != "" {
			d.refuseSpawn(want, "%s", problem)
			return
		}
	}
	grow, pull := d.grownOf(want, keep), want.Consolidate && !want.Standalone
	if problem := d.snapshots(want); problem != "" && (pull || len(grow) > 0) {
		d.refuseReshape(want, problem)
		grow, pull = nil, false
	}
	d.act(Action{
		Verb: Create, Host: want.Host, Spawn: &want, Keep: keep,
		Start: want.Power != Stopped, Grow: grow, Pull: pull, Reason: reason,
	})
}

// noRoot says why no root volume can be made for the spawn, as far as its
// golden image's size is known before it is built.
func (d *differ) noRoot(want Spawn) string {
	size := d.imageSize(want)
	switch {
	case !d.usable[generationKey(want)]:
		return fmt.Sprintf("its golden image %s cannot be used", generationKey(want).name)
	case want.Disk == 0 || want.Disk >= size:
		return ""
	}
	return fmt.Sprintf("disk %s is smaller than its golden image (%s): %s", Bytes(want.Disk), Bytes(size), want.At)
}

func (d *differ) imageSize(s Spawn) int64 {
	if have, ok := d.images[generationKey(s)]; ok && have.Complete {
		return have.Disk
	}
	for _, want := range d.desired.Images {
		if want.key() == generationKey(s) {
			return want.Disk
		}
	}
	return 0
}

// standOn records what the spawn's root volume really stands on.
func (d *differ) standOn(s *Spawn, root Volume) {
	s.Standalone = root.Backing == ""
	if g := d.generationAt(s.Host, root.Backing); !s.Standalone && g.Hash != s.Generation {
		s.Generation, s.Fingerprint = g.Hash, g.SHA256
	}
}

func (d *differ) generationAt(host, file string) Generation {
	for _, g := range d.actual.Images {
		if g.Host == host && d.path(host, g.File()) == file {
			return g
		}
	}
	return Generation{}
}

// take gives the desired spawn the identity of the actual one.
func take(want, have Spawn) Spawn {
	want.Domain, want.UUID, want.Accel = have.Domain, have.UUID, have.Accel
	want.Image, want.Generation, want.Fingerprint = have.Image, have.Generation, have.Fingerprint
	want.Disks, want.Phase, want.SeedHash = have.Disks, have.Phase, have.SeedHash
	want.Origin = have.Origin
	return want
}

// readySpawn is checked for damage, then changed field by field.
func (d *differ) readySpawn(want, have Spawn) {
	if problem := d.damage(have); problem != "" {
		d.refuseSpawn(want, "%s", problem)
		return
	}
	if problem := d.unsupported(want, have); problem != "" {
		d.refuseSpawn(want, "not supported yet: %s (%s)", problem, want.At)
		return
	}
	if d.shrinks(want, have) || respawns(want, have) && d.respawn(want, have) {
		return
	}
	d.notes(want, have)
	d.updateSpawn(want, have)
}

func (d *differ) updateSpawn(want, have Spawn) {
	updated := take(want, have)
	root, _ := d.root(have)
	d.standOn(&updated, root)
	update := Action{
		Verb: Update, Host: want.Host, Spawn: &updated, Changes: definedChanges(want, have),
		Start: want.Power == Running && have.Power == Stopped,
		Stop:  want.Power == Stopped && have.Power == Running,
	}
	if _, ok := d.volume(have.Host, have.SeedFile()); !ok {
		update.Changes = append(update.Changes, Change{Field: SeedField, From: "missing", To: "written"})
	}
	if d.policy.TakeOver && have.Origin != d.desired.Origin {
		update.Changes = append(update.Changes, Change{Field: OriginField, From: have.Origin, To: d.desired.Origin})
	}
	d.reshape(want, have, &update)
	update.Changes = append(update.Changes, powerChanges(want, have)...)
	if len(update.Changes) > 0 {
		update.Reason = updateReason(update.Changes, have)
		d.act(update)
	}
}

// The fields that a change can name.
const (
	VCPUsField     = "vcpus"
	MemoryField    = "memory"
	AutostartField = "autostart"
	ProtectField   = "protect"
	StateField     = "state"
	SizeField      = "size" // followed by the volume's name
	DiskField      = "disk"
	SeedField      = "seed"
	OriginField    = "origin"
	SealedField    = "sealed"
	ManifestField  = "manifest"
)

// definedChanges are the differences in the persistent definition.
func definedChanges(want, have Spawn) []Change {
	var changes []Change
	add := func(field, from, to string) {
		if from != to {
			changes = append(changes, Change{field, from, to})
		}
	}
	add(VCPUsField, fmt.Sprint(have.VCPUs), fmt.Sprint(want.VCPUs))
	add(MemoryField, Bytes(have.Memory), Bytes(want.Memory))
	add(AutostartField, yes(have.Autostart), yes(want.Autostart))
	add(ProtectField, yes(have.Protect), yes(want.Protect))
	return changes
}

func powerChanges(want, have Spawn) []Change {
	if want.Power == Any || want.Power == have.Power {
		return nil
	}
	return []Change{{StateField, string(have.Power), string(want.Power)}}
}

// updateReason lists the changes and says which of them a running spawn shows
// only after a restart.
func updateReason(changes []Change, have Spawn) string {
	texts := make([]string, len(changes))
	for i, change := range changes {
		texts[i] = change.String()
		if have.Power == Running && change.needsRestart() {
			texts[i] += " (from its next restart on)"
		}
	}
	return strings.Join(texts, ", ")
}

func (c Change) needsRestart() bool { return c.Field == VCPUsField || c.Field == MemoryField }

// RestartChanges are the fields in which a running spawn differs from its
// definition and that a restart brings to it.
func RestartChanges(defined, running Spawn) []Change {
	var changes []Change
	for _, change := range definedChanges(defined, running) {
		if change.needsRestart() {
			changes = append(changes, change)
		}
	}
	return changes
}
