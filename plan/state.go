// Package plan compares what an inventory asks for with what the hosts have
// and decides what is to be done, in which order, and why.
//
// It is the middle of the walk inventory → plan → apply. Everything is decided
// here: apply only performs. The package is pure: no I/O, no clock, no cgo.
package plan

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"pcloud-apply/inventory"
)

// State is a set of golden images and spawns: what the inventory asks for
// (made by [Desired]) or what the hosts have (made by inspection). Both sides
// have one shape, so that a diff is a comparison and shows no noise.
type State struct {
	Inventory string
	Origin    string
	Hosts     map[string]Host
	Images    []Generation
	Spawns    []Spawn

	// The rest is known of actual states only.

	Volumes    map[VolumeKey]Volume  // files of spawns that were looked at and are there
	Foreign    map[DomainKey]string  // domains of others: name → what is known of them
	Seeds      []VolumeKey           // every seed in the pools, anybody's
	Leftovers  []Leftover            // temporary files of runs that are dead
	References map[string]References // by host; nil for a host whose references were not needed
}

// Host is one libvirt connection with its pool.
type Host struct {
	Name string
	URI  string
	Pool string

	// Actual only.

	PoolUUID   string
	Folder     string // absolute path of the pool
	Empty      bool   // nothing at all lies in the pool's folder
	Unreadable string // why the host could not be read; nothing is planned there
}

// Generation is one golden image in one of its versions.
type Generation struct {
	Host  string
	Image string
	Hash  string // 12 hex digits

	// Definition is 12 hex digits over the inventory's name and all that the
	// image is made from. It is the hash of the first generation; one that was
	// built again has another.
	Definition string

	Disk int64 // virtual size in bytes; desired: 0 keeps the source's

	// Desired only: how it is made.

	Source    Source
	Bootstrap *inventory.Bootstrap // nil: the source is there to be read
	Install   *inventory.Install   // nil, as for Bootstrap
	Prepare   *inventory.Prepare   // nil: it is published as it comes
	Canary    bool                 // it must boot before it is published

	// Actual only.

	Origin   string    // of the inventory that made it, from the manifest
	SHA256   string    // of the image file, from the manifest
	Size     int64     // bytes of the image file
	Created  time.Time // from the manifest
	Complete bool      // the image is there; a manifest alone is what a killed publish or removal leaves
	Sealed   bool      // mode and immutable flag are as they should be
	Stale    bool      // content is right, but size or mtime in the manifest are not
	Damage   string    // why the image must not be used, "" when it is sound
}

// Source is what a golden image is made from: a file, a download, or what is
// built on the spot.
type Source struct {
	Path    string // absolute; of a download, where it lies when it is there
	URL     string // of a download
	Content string // "sha256:…" or "sha512:…" of its bytes; "" where they are not known before
}

// Made tells a user what the golden image is made from.
func (g Generation) Made() string {
	switch {
	case g.Bootstrap != nil:
		return "a package mirror (" + g.Bootstrap.Suite + ")"
	case g.Install != nil:
		return "an unattended installation (" + cmp.Or(g.Install.Distro, g.Install.Location, g.Install.Kernel) + ")"
	}
	url, _, _ := strings.Cut(g.Source.URL, "?") // a query can hold a secret
	return cmp.Or(url, g.Source.Path)
}

// Name is the golden image's name without an ending: <image>.golden-<hash>.
func (g Generation) Name() string { return g.Image + ".golden-" + g.Hash }

// File is the name of the image file in the pool's folder.
func (g Generation) File() string { return g.Name() + ".qcow2" }

// Manifest is the name of the manifest in the pool's folder.
func (g Generation) Manifest() string { return g.Name() + ".json" }

// Phase is how far a spawn has come; it is recorded on its domain.
type Phase string

// The phases of a spawn. Only creating is completed, and only deleting is finished.
const (
	Creating Phase = "creating"
	Ready    Phase = "ready"
	Deleting Phase = "deleting"
)

// Power is the power state that an inventory asks for.
type Power string

// The power states. Any leaves a spawn as it is.
const (
	Running Power = "running"
	Stopped Power = "stopped"
	Any     Power = "any"
)

// Spawn is one virtual machine.
type Spawn struct {
	Host        string
	Name        string
	Domain      string // libvirt's name for it; stays until a respawn
	Image       string // names its files too, so it stays until a respawn
	Generation  string // hash of the golden image it is made from
	Fingerprint string // actual: sha256 of that golden image, as recorded

	VCPUs     int
	Memory    int64 // bytes
	Disk      int64 // virtual size in bytes; desired: 0 takes the generation's or keeps what it has
	Disks     []Disk
	NICs      []NIC
	Tags      []string // sorted; actual: as recorded
	Autostart bool
	Protect   bool
	Power     Power // actual: running or stopped

	Standalone bool // its root volume has no backing file

	// Desired only.

	Group         string // the declaration that it is made from
	Consolidate   bool   // its root volume must come to stand alone
	OnImageChange string // keep, respawn or consolidate
	Seed          Seed
	Shutdown      Shutdown
	Wait          Wait
	At            string // file:line:column of its declaration

	// Actual only.

	UUID     string
	Phase    Phase
	Origin   string
	SeedHash string
	Root     string   // path of its first disk in the domain's definition
	Foreign  []string // other files attached to it, not ours
	Accel    string   // kvm or qemu
	Pending  []Change // defined, but waiting for a restart
}

// Disk is an extra disk of a spawn; its name is also its serial number.
type Disk struct {
	Name string
	Size int64 // bytes
}

// NIC is one network card: on a libvirt network or on a bridge.
type NIC struct {
	Network string
	Bridge  string
	MAC     string
	IP      string // its static address with the prefix, such as 10.0.0.5/24; "" is none. Actual: as recorded
	Own     bool   // actual: the spawn's mark names it, so that it is not somebody else's
}

// source is what the card is connected to.
func (n NIC) source() NIC { return NIC{Network: n.Network, Bridge: n.Bridge, MAC: n.MAC} }

// Shutdown says how a running spawn is stopped.
type Shutdown struct {
	Timeout time.Duration
	Force   bool // power off when Timeout has passed; else leave it running and fail
}

// Wait says what a started spawn must show before it counts as done.
type Wait struct {
	For     string // none, ip or ssh
	Timeout time.Duration
}

// stem is what the names of all its files begin with. Unlike the domain's name
// it cannot be changed by others.
func (s Spawn) stem() string { return s.Image + "." + s.Name }

// Volume is the name of the spawn's own root volume.
func (s Spawn) Volume() string { return s.stem() + ".qcow2" }

// DiskVolume is the name of the volume of its extra disk.
func (s Spawn) DiskVolume(disk string) string { return s.stem() + "." + disk + ".qcow2" }

// SeedFile is the name of the spawn's seed.
func (s Spawn) SeedFile() string { return s.stem() + seedSuffix }

const seedSuffix = ".seed.iso"

// IsSeed tells whether a file's name has the shape of a seed's.
func IsSeed(name string) bool { return strings.HasSuffix(name, seedSuffix) }

// Volumes are the names of all volumes of the spawn, its root volume first.
func (s Spawn) Volumes() []string {
	names := []string{s.Volume()}
	for _, d := range s.Disks {
		names = append(names, s.DiskVolume(d.Name))
	}
	return names
}

// VolumeKey names a volume on a host.
type VolumeKey struct{ Host, Name string }

// Volume is a spawn's file in a pool: a qcow2 image, read from its header, or a
// seed, of which only Used is known.
type Volume struct {
	Size      int64  // virtual size in bytes
	Used      int64  // bytes on disk
	Backing   string // absolute path of its backing file; "" when it stands alone
	Snapshots int    // internal snapshots
	Problem   string // why it could not be read
}

// DomainKey names a domain on a host.
type DomainKey struct{ Host, Name string }

// Leftover is a temporary file of a run of this inventory that is dead.
type Leftover struct {
	Host string
	Name string
}

// References tells, for one host, who names which file: domains (live and
// defined), their snapshots, and the backing chains of images.
type References struct {
	Users     map[string][]User // absolute path → who names it
	Snapshots map[string]int    // domain uuid → libvirt snapshots and checkpoints
	Unknown   []string          // what could not be read: it may name anything
}

// User is something that names a file.
type User struct {
	Kind string // domain, snapshot or image
	Name string // of the domain or snapshot; absolute path of the image
}

func (u User) String() string { return u.Kind + " " + u.Name }

// Change is one field of an object that differs.
type Change struct {
	Field    string
	From, To string
}

func (c Change) String() string {
	return fmt.Sprintf("%s %s → %s", c.Field, c.From, c.To)
}

func joinChanges(changes []Change) string {
	texts := make([]string, len(changes))
	for i, c := range changes {
		texts[i] = c.String()
	}
	return strings.Join(texts, ", ")
}
