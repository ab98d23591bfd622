package plan

import "fmt"

// Verb is what an action does.
type Verb string

// The verbs of a plan.
const (
	Build   Verb = "build"   // publish a golden image
	Create  Verb = "spawn"   // make a spawn, or complete a half-made one
	Update  Verb = "update"  // change an object in place, field by field
	Destroy Verb = "destroy" // take an object away with everything that is its own
)

// Symbol is the sign of the verb in a printed plan.
func (v Verb) Symbol() string {
	return map[Verb]string{Build: "+", Create: "+", Update: "~", Destroy: "-"}[v]
}

// Kind is the kind of object that an action is about.
type Kind string

// The kinds of objects.
const (
	ImageKind Kind = "image"
	SpawnKind Kind = "spawn"
	FileKind  Kind = "file"
)

// ID names an action within its plan.
type ID string

// Action is one verb on one object. It carries all that its performer needs:
// nothing is decided after the plan. Exactly one of Image, Spawn and File is set.
type Action struct {
	Verb    Verb
	Host    string
	Image   *Generation // build: desired; update and destroy: actual
	Spawn   *Spawn      // spawn and update: desired, with Domain and UUID of the actual one; destroy: actual
	File    string      // a leftover in the pool's folder
	Changes []Change
	Keep    []string // volumes that exist already and are taken as they are
	Next    *Spawn   // destroy: the spawn that takes its place, which must not fail to come for want of an image
	Grow    []Growth // volumes that become larger
	Start   bool     // the spawn is started
	Stop    bool     // the spawn is stopped
	Pull    bool     // at the end its root volume pulls its golden image's data in and stands alone
	Reason  string   // why, for people
}

// Growth is a volume and the virtual size in bytes that it gets.
type Growth struct {
	Volume string
	Size   int64
}

// Kind tells what kind of object the action is about.
func (a Action) Kind() Kind {
	switch {
	case a.Image != nil:
		return ImageKind
	case a.Spawn != nil:
		return SpawnKind
	}
	return FileKind
}

// Name is the object's name as a user knows it.
func (a Action) Name() string {
	switch a.Kind() {
	case ImageKind:
		return a.Image.Image
	case SpawnKind:
		return a.Spawn.Name
	}
	return a.File
}

// ID names the action and reads as its label, for example "spawn local/web-1".
func (a Action) ID() ID {
	name := a.Name()
	if a.Kind() == ImageKind {
		name = a.Image.Name()
	}
	return ID(fmt.Sprintf("%s %s %s/%s", a.Verb, a.Kind(), a.Host, name))
}

// Refusal is something that policy, damage or a lack of knowledge forbids.
type Refusal struct {
	Host    string
	Kind    Kind // "" when it is about a host or the whole run
	Name    string
	Reason  string
	Whole   bool // nothing at all may be done
	Unknown bool // the host could not be read
}

// Note is worth telling, but nothing to do.
type Note struct {
	Host string
	Kind Kind
	Name string
	Text string
}

// Plan is what has to be done to bring the actual state to the desired one.
// Actions are in an order in which they can be performed one by one.
type Plan struct {
	Inventory string
	Actions   []Action
	Refused   []Refusal
	Notes     []Note
}

// Empty tells whether there is nothing to do.
func (p Plan) Empty() bool { return len(p.Actions) == 0 }

// Whole returns the refusals that forbid the whole plan.
func (p Plan) Whole() []Refusal {
	var whole []Refusal
	for _, r := range p.Refused {
		if r.Whole {
			whole = append(whole, r)
		}
	}
	return whole
}
