package plan

import (
	"fmt"
	"slices"
)

// Policy is what one run may do.
type Policy struct {
	MaxDestroy int             // ready spawns that one run may destroy, and any that it may respawn
	AllowEmpty bool            // an inventory without spawns may destroy all it has
	TakeOver   bool            // spawns and images of another origin count as this one's
	Explicit   bool            // the user named what to destroy: only protection binds
	Only       map[string]bool // names of the spawns to look at; nil means all
}

// Diff decides what brings actual to desired. It never plans anything on
// objects that are not in actual's Images, Spawns and Leftovers, so what is
// foreign cannot be touched. The plan's order satisfies every dependency.
func Diff(actual, desired State, policy Policy) Plan {
	d := &differ{
		view: newView(actual, desired), policy: policy,
		plan:    Plan{Inventory: desired.Inventory},
		usable:  map[objectKey]bool{},
		blocked: map[string]bool{}, destroys: map[objectKey]bool{},
	}
	d.hosts()
	d.wantedImages()
	d.wantedSpawns()
	d.goneSpawns()
	d.supersededImages()
	d.leftovers()
	d.guard()
	d.plan.Actions = ordered(d.plan.Actions)
	return d.plan
}

// differ compares the two states of its view; its methods add to plan.
type differ struct {
	*view
	policy Policy
	plan   Plan

	usable   map[objectKey]bool // golden images that are, or will be, fit for use
	blocked  map[string]bool    // hosts where nothing is planned
	destroys map[objectKey]bool // spawns that this plan destroys
}

func (d *differ) act(a Action) { d.plan.Actions = append(d.plan.Actions, a) }

func (d *differ) refuseSpawn(s Spawn, format string, args ...any) {
	d.plan.Refused = append(d.plan.Refused,
		Refusal{Host: s.Host, Kind: SpawnKind, Name: s.Name, Reason: fmt.Sprintf(format, args...)})
}

func (d *differ) refuseImage(g Generation, format string, args ...any) {
	d.plan.Refused = append(d.plan.Refused,
		Refusal{Host: g.Host, Kind: ImageKind, Name: g.Image, Reason: fmt.Sprintf(format, args...)})
}

func (d *differ) noteSpawn(s Spawn, format string, args ...any) {
	d.plan.Notes = append(d.plan.Notes,
		Note{Host: s.Host, Kind: SpawnKind, Name: s.Name, Text: fmt.Sprintf(format, args...)})
}

func (d *differ) noteImage(g Generation, format string, args ...any) {
	d.plan.Notes = append(d.plan.Notes,
		Note{Host: g.Host, Kind: ImageKind, Name: g.Image, Text: fmt.Sprintf(format, args...)})
}

// hosts blocks those that could not be read, and those whose pool seems not to
// be mounted: what is not seen there must not count as absent.
func (d *differ) hosts() {
	for _, name := range sortedKeys(d.actual.Hosts) {
		host := d.actual.Hosts[name]
		switch {
		case host.Unreadable != "":
			d.block(name, true, "the host could not be read, so nothing is planned there: "+host.Unreadable)
		case host.Empty && d.owned(name):
			d.block(name, false, fmt.Sprintf("the pool's folder %s is empty although %s has spawns on this host: "+
				"is its disk mounted? Nothing is planned there", host.Folder, d.desired.Inventory))
		}
	}
}

func (d *differ) block(host string, unknown bool, reason string) {
	d.blocked[host] = true
	d.plan.Refused = append(d.plan.Refused, Refusal{Host: host, Reason: reason, Unknown: unknown})
}

// selected tells whether the run looks at the spawn at all.
func (d *differ) selected(s Spawn) bool {
	return !d.blocked[s.Host] && (d.policy.Only == nil || d.policy.Only[s.Name])
}

// leftovers removes temporary files of dead runs. A run on named spawns leaves
// them to the next full one.
func (d *differ) leftovers() {
	if d.policy.Only != nil {
		return
	}
	for _, l := range d.actual.Leftovers {
		if !d.blocked[l.Host] {
			d.act(Action{Verb: Destroy, Host: l.Host, File: l.Name, Reason: "left by a run that was killed"})
		}
	}
}

// sameOrigin tells whether something made from the given origin may be
// destroyed because it left the inventory.
func (d *differ) sameOrigin(origin string) bool {
	return d.policy.Explicit || d.policy.TakeOver || origin == d.desired.Origin
}

// guard refuses a plan as a whole where policy says so.
func (d *differ) guard() {
	if d.policy.Explicit {
		return
	}
	if lost := d.readyDestroys(); lost > d.policy.MaxDestroy {
		d.refuseAll("it would destroy more ready spawns (%d) than policy.max_destroy allows (%d): raise it in the inventory, "+
			"or destroy by name: pcloud-apply destroy NAME…", lost, d.policy.MaxDestroy)
	}
	if len(d.desired.Spawns) == 0 && len(d.actual.Spawns) > 0 && !d.policy.AllowEmpty {
		d.refuseAll("the inventory has no spawns, but %d of its spawns exist: if they should all go, use --allow-empty",
			len(d.actual.Spawns))
	}
}

func (d *differ) readyDestroys() int {
	count := 0
	for _, a := range d.plan.Actions {
		if a.Verb == Destroy && a.Spawn != nil && (a.Spawn.Phase == Ready || a.Next != nil) {
			count++
		}
	}
	return count
}

func (d *differ) refuseAll(format string, args ...any) {
	d.plan.Refused = slices.Insert(d.plan.Refused, 0, Refusal{Reason: fmt.Sprintf(format, args...), Whole: true})
}
