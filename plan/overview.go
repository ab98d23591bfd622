package plan

import "slices"

// Standing is where one spawn stands.
type Standing struct {
	Spawn    Spawn  // actual; for a missing one, desired
	State    string // running, stopped, missing, unknown, half-made, half-destroyed or damaged
	Problem  string // of a damaged one
	Disk     string // overlay, standalone, or "" when there is none
	Used     int64  // bytes on disk of all its volumes
	Current  bool   // it is on the current generation of its declared image
	Declared bool   // it is in the inventory
}

// Overview tells where every spawn stands that exists or is declared, sorted
// by host and name.
func Overview(actual, desired State) []Standing {
	d := &differ{view: newView(actual, desired)}
	declared := map[objectKey]Spawn{}
	var standings []Standing
	for _, want := range d.desired.Spawns {
		declared[want.key()] = want
		if _, ok := d.have[want.key()]; !ok {
			standings = append(standings, Standing{Spawn: want, State: d.absence(want), Declared: true})
		}
	}
	for _, have := range actual.Spawns {
		want, ok := declared[have.key()]
		standing := d.standing(have)
		standing.Declared = ok
		standing.Current = ok && !behind(want, have)
		standings = append(standings, standing)
	}
	slices.SortStableFunc(standings, func(a, b Standing) int { return compareSpawns(a.Spawn, b.Spawn) })
	return standings
}

// absence is what it means that a spawn was not seen.
func (d *differ) absence(want Spawn) string {
	if d.actual.Hosts[want.Host].Unreadable != "" {
		return "unknown"
	}
	return "missing"
}

func (d *differ) standing(have Spawn) Standing {
	standing := Standing{Spawn: have, State: string(have.Power)}
	if root, ok := d.root(have); ok {
		standing.Disk = "overlay"
		if root.Backing == "" {
			standing.Disk = "standalone"
		}
	}
	for _, name := range have.Volumes() {
		volume, _ := d.volume(have.Host, name)
		standing.Used += volume.Used
	}
	switch {
	case have.Phase == Creating:
		standing.State = "half-made"
	case have.Phase == Deleting:
		standing.State = "half-destroyed"
	default:
		if standing.Problem = d.damage(have); standing.Problem != "" {
			standing.State = "damaged"
		}
	}
	return standing
}
