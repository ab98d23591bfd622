package plan

import (
	"fmt"
	"slices"
)

// wantedImages builds what is missing, mends what can be mended, and refuses
// what is damaged.
func (d *differ) wantedImages() {
	needed := d.neededImages()
	for _, want := range d.desired.Images {
		if !d.blocked[want.Host] && (needed == nil || needed[want.key()]) {
			d.wantedImage(want)
		}
	}
	for _, have := range d.actual.Images {
		if have.Complete && have.Damage == "" {
			d.usable[have.key()] = true
		}
	}
}

// neededImages are those of the selected spawns; nil means all.
func (d *differ) neededImages() map[objectKey]bool {
	if d.policy.Only == nil {
		return nil
	}
	needed := map[objectKey]bool{}
	for _, s := range d.desired.Spawns {
		if d.selected(s) {
			needed[generationKey(s)] = true
		}
	}
	return needed
}

func (d *differ) wantedImage(want Generation) {
	have, ok := d.images[want.key()]
	switch {
	case !ok || !have.Complete:
		d.buildImage(want, ok)
	case have.Damage != "":
		d.refuseImage(want, "golden image %s is damaged: %s. Nothing is spawned or started from it. "+
			"Restore it from a backup, or destroy what depends on it and remove %s and %s by hand",
			have.Name(), have.Damage, d.path(have.Host, have.File()), have.Manifest())
	default:
		d.mendImage(have)
	}
}

// buildImage plans a build, unless overlays of the very same generation exist:
// bytes made anew would not be the ones that they were made on.
func (d *differ) buildImage(want Generation, halfPublished bool) {
	if needing := d.overlaysOf(want); len(needing) > 0 {
		d.refuseImage(want, "golden image %s is gone, and %s depends on it: restore %s from a backup, "+
			"or destroy what depends on it; it is not made anew under the same name",
			want.Name(), names(needing), d.path(want.Host, want.File()))
		return
	}
	d.usable[want.key()] = true
	d.act(Action{Verb: Build, Host: want.Host, Image: &want, Reason: d.buildReason(want, halfPublished)})
}

func (d *differ) overlaysOf(g Generation) []Spawn {
	var overlays []Spawn
	for _, s := range d.dependants(g) {
		if _, ok := d.root(s); ok || s.Phase == Ready {
			overlays = append(overlays, s)
		}
	}
	return overlays
}

func (d *differ) buildReason(want Generation, halfPublished bool) string {
	if halfPublished {
		return "its publishing was not finished"
	}
	for _, g := range d.actual.Images {
		if g.Host == want.Host && g.Image == want.Image && g.Definition == want.Definition {
			return fmt.Sprintf("built again: generation %s beside %s", want.Hash, g.Hash)
		}
		if g.Host == want.Host && g.Image == want.Image {
			return fmt.Sprintf("its definition changed: generation %s is built beside %s", want.Hash, g.Hash)
		}
	}
	return "new, from " + want.Made()
}

func (d *differ) mendImage(have Generation) {
	var changes []Change
	if !have.Sealed {
		changes = append(changes, Change{Field: SealedField, From: "no", To: "yes"})
	}
	if have.Stale {
		changes = append(changes, Change{Field: ManifestField, From: "stale", To: "current"})
	}
	if len(changes) > 0 {
		d.act(Action{Verb: Update, Host: have.Host, Image: &have, Changes: changes, Reason: joinChanges(changes)})
	}
}

// supersededImages removes generations that are not wanted and that nothing of
// anyone depends on. A run on named spawns removes none.
func (d *differ) supersededImages() {
	if d.policy.Only != nil {
		return
	}
	for _, g := range d.actual.Images {
		if !d.blocked[g.Host] && !d.wanted[g.key()] && !d.kept(g) {
			d.act(Action{Verb: Destroy, Host: g.Host, Image: &g, Reason: d.supersededReason(g)})
		}
	}
}

func (d *differ) supersededReason(g Generation) string {
	switch {
	case !g.Complete:
		return "left by a publish or a removal that was not finished"
	case d.policy.Explicit:
		return "destroyed with everything of " + d.desired.Inventory
	}
	for _, want := range d.desired.Images {
		if want.Host == g.Host && want.Image == g.Image {
			return fmt.Sprintf("generation %s is superseded by %s, and nothing depends on it", g.Hash, want.Hash)
		}
	}
	return "left the inventory, and nothing depends on it"
}

// kept tells whether a generation that is not wanted has to stay, and notes
// why unless it is plain from the spawns.
func (d *differ) kept(g Generation) bool {
	switch {
	case d.keptByOwn(g):
		return true
	case !d.sameOrigin(g.Origin):
		d.noteImage(g, "generation %s stays: it was made from another inventory, %s", g.Hash, g.Origin)
		return true
	case g.Complete && g.Damage != "":
		d.refuseImage(g, "superseded golden image %s is damaged: %s. Look at it, then remove it by hand", g.Name(), g.Damage)
		return true
	}
	return d.keptByOthers(g)
}

// keptByOwn: spawns that stay, and those that this plan makes on it.
func (d *differ) keptByOwn(g Generation) bool {
	made := map[objectKey]bool{}
	for _, a := range d.plan.Actions {
		if a.Verb != Create && !a.Pull {
			continue
		}
		if !a.Spawn.Standalone && !a.Pull && generationKey(*a.Spawn) == g.key() {
			return true
		}
		made[a.Spawn.key()] = true
	}
	return slices.ContainsFunc(d.dependants(g), func(s Spawn) bool {
		return !d.destroys[s.key()] && !made[s.key()]
	})
}

func (d *differ) keptByOthers(g Generation) bool {
	refs, scanned := d.actual.References[g.Host]
	if !scanned {
		return true // something of ours depended on it when it was looked at
	}
	if unknown := refs.unknown(); unknown != "" {
		d.noteImage(g, "generation %s stays: it is not known whether something depends on it (%s)", g.Hash, unknown)
		return true
	}
	if users := d.others(g.Host, g.File(), refs); len(users) > 0 {
		d.noteImage(g, "generation %s stays: %s depends on it", g.Hash, users[0])
		return true
	}
	return false
}

// others are the users of a file in the pool that need it after this plan:
// neither destroyed by it nor consolidated.
func (d *differ) others(host, file string, refs References) []User {
	going := map[User]bool{}
	for _, a := range d.plan.Actions {
		if a.Spawn == nil || a.Host != host || a.Verb != Destroy && !a.Pull {
			continue
		}
		going[User{"domain", a.Spawn.Domain}] = true
		for _, volume := range a.Spawn.Volumes() {
			going[User{"image", d.path(host, volume)}] = a.Pull || !slices.Contains(a.Keep, volume)
		}
	}
	var others []User
	for _, user := range refs.usersOf(d.path(host, file)) {
		if !going[user] {
			others = append(others, user)
		}
	}
	return others
}
