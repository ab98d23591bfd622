package plan

import (
	"fmt"
	"slices"
	"strings"
)

// reattach takes up disks that lie there without a domain: never cleaned, never
// overwritten, and used only when it is certain that they fit.
func (d *differ) reattach(want Spawn, existing []string, why string) {
	reason := why + "; its disk is kept: " + strings.Join(existing, ", ")
	made, keep := want, existing
	if slices.Contains(existing, want.Volume()) {
		made, keep = d.withRoot(want, existing)
	}
	if problem := d.strayProblems(want, made, existing); problem != "" {
		d.refuseSpawn(want, "it has no domain, but its disk %s", problem)
	} else if !d.shrinks(want, want) {
		d.newSpawn(made, keep, reason)
	}
}

// withRoot is the spawn on the root volume that lies there; a new seed would
// give the guest a new identity.
func (d *differ) withRoot(want Spawn, keep []string) (Spawn, []string) {
	root, _ := d.root(want)
	made := want
	d.standOn(&made, root)
	made.Consolidate = made.Consolidate || consolidates(want, made)
	if _, hasSeed := d.volume(want.Host, want.SeedFile()); hasSeed {
		keep = append(slices.Clone(keep), want.SeedFile())
	}
	return made, keep
}

func (d *differ) strayProblems(want, made Spawn, existing []string) string {
	for _, name := range existing {
		if problem := d.strayProblem(want, name); problem != "" {
			return fmt.Sprintf("%s exists and cannot be taken up: %s. Move the file away to have the spawn made anew",
				d.path(want.Host, name), problem)
		}
	}
	if respawns(want, made) {
		return fmt.Sprintf("%s exists and stands on an older generation: on_image_change: respawn would destroy it. "+
			"Move it away, or keep it with on_image_change: keep", d.path(want.Host, want.Volume()))
	}
	return ""
}

func (d *differ) strayProblem(want Spawn, name string) string {
	volume, _ := d.volume(want.Host, name)
	refs := d.references(want.Host)
	users := slices.DeleteFunc(refs.usersOf(d.path(want.Host, name)), func(u User) bool {
		return d.destroys[want.key()] && u == User{"domain", d.have[want.key()].Domain}
	})
	switch {
	case volume.Problem != "":
		return volume.Problem
	case len(users) > 0:
		return users[0].String() + " uses it"
	case refs.unknown() != "":
		return "it is not known who uses it: " + refs.unknown()
	case volume.Backing == "":
		return ""
	case name != want.Volume() || !d.isImageOf(want, volume.Backing):
		return "its backing file is " + volume.Backing
	}
	return ""
}

func (d *differ) isImageOf(s Spawn, backing string) bool {
	g := d.generationAt(s.Host, backing)
	return g.Image == s.Image && d.usable[g.key()]
}
