package apply

import (
	"context"
	"fmt"
	"sync"

	"pcloud-apply/plan"
)

// Every method below is idempotent, safe for concurrent use, and re-reads the
// live object before it acts. A method that finds the object not to be the
// spawn's own fails and changes nothing.

// Domains keeps the definitions of one host's spawns.
type Domains interface {
	// Define makes the domain of s, shut off and in phase creating, and returns
	// its uuid. It fails when the name is taken.
	Define(ctx context.Context, s plan.Spawn) (uuid string, err error)
	// Mark records the phase, and with it everything that s says of itself.
	Mark(ctx context.Context, s plan.Spawn, phase plan.Phase) error
	// Redefine makes the changes in the persistent definition and leaves the rest of it as it is.
	Redefine(ctx context.Context, s plan.Spawn, changes []plan.Change) error
	// Undefine removes a definition that is in phase deleting.
	Undefine(ctx context.Context, s plan.Spawn) error
}

// Power switches spawns on and off.
type Power interface {
	Start(ctx context.Context, s plan.Spawn) error
	// Stop asks the guest to shut down and waits; s.Shutdown says what happens when it does not.
	Stop(ctx context.Context, s plan.Spawn) error
	// Kill switches it off at once.
	Kill(ctx context.Context, s plan.Spawn) error
	SetAutostart(ctx context.Context, s plan.Spawn, on bool) error
}

// Volumes makes and deletes files in the host's pool through libvirt.
type Volumes interface {
	// Create makes a qcow2 volume of size bytes. backing is the absolute path of
	// the qcow2 image it is an overlay of, or "". An existing file is an error.
	Create(ctx context.Context, name string, size int64, backing string) error
	Delete(ctx context.Context, name string) error
	// Forget deletes a file that libvirt lists, though it was not made through
	// it: a refresh has shown it. One that it does not list stays.
	Forget(ctx context.Context, name string) error
	// Refresh lets libvirt see what was put into the pool's folder.
	Refresh(ctx context.Context) error
}

// Builds are golden images that are being made.
type Builds interface {
	// Sweep removes what builds of killed runs have left beside files in the pool.
	Sweep(ctx context.Context) error
}

// Golden is a golden image that was found sound.
type Golden struct {
	Path   string // absolute
	SHA256 string // of the file, from its manifest
	Size   int64  // virtual size in bytes
}

// Images keeps the golden images in the host's pool. Those that take long name
// their steps.
type Images interface {
	// Check compares the image with its manifest and fails when it was changed.
	Check(ctx context.Context, g plan.Generation) (Golden, error)
	Publish(ctx context.Context, g plan.Generation, step func(string)) error
	Mend(ctx context.Context, g plan.Generation, step func(string)) error
	Remove(ctx context.Context, g plan.Generation, step func(string)) error
}

// Files keeps the small files in the host's pool.
type Files interface {
	// WriteSeed makes the seed of s, with the domain's uuid as instance-id.
	WriteSeed(ctx context.Context, s plan.Spawn) error
	RemoveSeed(ctx context.Context, s plan.Spawn) error
	// RemoveLeftover removes a temporary file that no living run holds.
	RemoveLeftover(ctx context.Context, name string) error
}

// Addresses watches for the addresses of spawns.
type Addresses interface {
	// Before remembers what is known of the spawn's addresses before it starts.
	Before(ctx context.Context, s plan.Spawn) error
	// Wait returns the address that shows s.Wait.For, or says why there is none.
	Wait(ctx context.Context, s plan.Spawn) (string, error)
}

// Referrers tells who names which file on the host.
type Referrers interface {
	References(ctx context.Context) (plan.References, error)
}

// Host performs the actions on one libvirt host.
type Host struct {
	Domains   Domains
	Power     Power
	Volumes   Volumes
	Blocks    Blocks
	Overlays  Overlays
	Images    Images
	Builds    Builds
	Files     Files
	Addresses Addresses
	Referrers Referrers
	Folder    string // absolute path of the pool
	// Seen is who names which file, where the plan was made a moment ago and has
	// read it; nil makes the run read it again.
	Seen *plan.References

	made       sync.Map // name of a spawn that this run made → its uuid
	scan       sync.Once
	references plan.References
	scanErr    error
}

// Hosts is the [Executor] over several hosts, by name.
type Hosts map[string]*Host

// Execute implements [Executor].
func (h Hosts) Execute(ctx context.Context, a plan.Action, step func(string)) error {
	host := h[a.Host]
	switch {
	case host == nil:
		return fmt.Errorf("host %q is not known to this run", a.Host)
	case a.Kind() == plan.FileKind:
		return host.removeLeftover(ctx, a, step)
	case a.Kind() == plan.ImageKind:
		return host.image(ctx, a, step)
	case a.Verb == plan.Create:
		return host.spawn(ctx, a, step)
	case a.Verb == plan.Update:
		return host.update(ctx, a, step)
	case a.Verb == plan.Destroy:
		return host.destroy(ctx, a, h.comes(a.Next), step)
	}
	return unknownVerb(a)
}

// comes checks that the spawn that takes the place of another can be made.
func (h Hosts) comes(next *plan.Spawn) func(context.Context) error {
	return func(ctx context.Context) error {
		switch {
		case next == nil:
			return nil
		case h[next.Host] == nil:
			return fmt.Errorf("host %q is not known to this run", next.Host)
		}
		_, err := h[next.Host].imageOf(ctx, *next)
		return err
	}
}

func unknownVerb(a plan.Action) error {
	return fmt.Errorf("no %s can be done to a %s", a.Verb, a.Kind())
}

// Await implements [Executor].
func (h Hosts) Await(ctx context.Context, a plan.Action) (string, error) {
	spawn := *a.Spawn
	if uuid, ok := h[a.Host].made.Load(spawn.Name); ok {
		spawn.UUID, _ = uuid.(string)
	}
	found, err := h[a.Host].Addresses.Wait(ctx, spawn)
	if err != nil {
		return "", &StepError{
			Step: "wait for " + a.Spawn.Wait.For, Err: interruption(ctx, err),
			Left: "it is running; look at its console: virsh console " + a.Spawn.Domain,
		}
	}
	return found, nil
}

// shared reads once per run who names which file: the destroys of a run begin
// at once, and one reading for each would cost more than the destroys.
func (h *Host) shared(ctx context.Context) (plan.References, error) {
	h.scan.Do(func() {
		if h.Seen != nil {
			h.references = *h.Seen
			return
		}
		h.references, h.scanErr = h.Referrers.References(ctx)
	})
	return h.references, h.scanErr
}
