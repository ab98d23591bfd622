// Package inventory turns the YAML file that declares a personal cloud into an
// Inventory: every default in place, every reference checked, every fault
// reported at once with its position.
//
// It is the first step of the walk inventory → plan → apply. It does no I/O of
// its own: the files that an inventory names are read through [Files].
package inventory

import (
	"time"

	"pcloud-apply/inventory/distro"
)

// Inventory is a validated inventory, version 1. Hosts, images and spawns are
// sorted by name. It is never changed after Load returned it.
type Inventory struct {
	Version  int              `yaml:"version"`
	Name     string           `yaml:"name"`
	Hosts    map[string]Host  `yaml:"hosts"`
	Policy   Policy           `yaml:"policy"`
	Images   map[string]Image `yaml:"images"`
	Defaults Spawn            `yaml:"defaults"` // as written; already merged into Spawns
	Spawns   map[string]Spawn `yaml:"spawns"`

	// NotSupported lists valid settings that this version cannot perform yet.
	// A plan must refuse an inventory that has any.
	NotSupported []Fault `yaml:"-"`
}

// Host is a libvirt connection with the pool and the network that spawns use
// there when they name no other.
type Host struct {
	URI         string   `yaml:"uri"` // "" means libvirt's own default
	Pool        string   `yaml:"pool"`
	Network     string   `yaml:"network"`
	Accelerator string   `yaml:"accelerator"` // auto, kvm or tcg
	At          Position `yaml:"-"`
}

// Policy limits what one run may do.
type Policy struct {
	MaxDestroy int `yaml:"max_destroy"` // ready spawns destroyed or respawned by one run
}

// Image declares a golden image. Exactly one of Source, Bootstrap and Install is set.
type Image struct {
	Source    *Source    `yaml:"source"`
	Bootstrap *Bootstrap `yaml:"bootstrap"`
	Install   *Install   `yaml:"install"`
	Disk      Size       `yaml:"disk"` // virtual size; 0 keeps what the source has
	Prepare   *Prepare   `yaml:"prepare"`
	Canary    bool       `yaml:"canary"` // boot a throw-away overlay before publishing
	At        Position   `yaml:"-"`
}

// Source is a ready disk image, raw or qcow2.
type Source struct {
	File   string `yaml:"file"` // made absolute
	URL    string `yaml:"url"`
	SHA256 string `yaml:"sha256"` // lower-case hex
	SHA512 string `yaml:"sha512"` // lower-case hex

	// Content identifies the bytes of the image: "sha256:…" or "sha512:…", as
	// declared, else the digest of File.
	Content string `yaml:"-"`
}

// Bootstrap builds an image straight from a package mirror.
type Bootstrap struct {
	Suite      string   `yaml:"suite"`
	Mirror     string   `yaml:"mirror"`
	Components []string `yaml:"components"`
	Keyring    File     `yaml:"keyring"` // of the mirror; "" is the distribution's
	Packages   []string `yaml:"packages"`
}

// Install runs a distribution's unattended installer in a build VM. What a
// distro's profile has and the inventory does not is filled in.
type Install struct {
	Distro      string        `yaml:"distro"`
	Location    string        `yaml:"location"` // URL of a tree; or an ISO image, its URL or absolute path
	Kernel      string        `yaml:"kernel"`   // URL or absolute path, as is Initrd
	Initrd      string        `yaml:"initrd"`
	KernelArgs  string        `yaml:"kernel_args"`
	Preseed     File          `yaml:"preseed"`
	Kickstart   File          `yaml:"kickstart"`
	Autoinstall File          `yaml:"autoinstall"`
	Memory      Memory        `yaml:"memory"` // of the build VM, as are VCPUs and Network
	VCPUs       int           `yaml:"vcpus"`
	Network     string        `yaml:"network"` // "" is the host's
	Timeout     time.Duration `yaml:"timeout"`

	Answers distro.Answers `yaml:"-"` // of the one file that is named, or of the profile
	Content []string       `yaml:"-"` // identifies the installer: URLs, and "sha256:…" of files
}

// Prepare customises an image before it is sealed.
type Prepare struct {
	Packages          []string `yaml:"packages"`
	Copy              []Copy   `yaml:"copy"`
	SSHAuthorizedKeys []string `yaml:"ssh_authorized_keys"` // of root
	Timezone          string   `yaml:"timezone"`
	Run               []string `yaml:"run"` // in the image, by its shell
}

// Copy puts a file of the inventory's folder into an image.
type Copy struct {
	From  File   `yaml:"from"`
	To    string `yaml:"to"`
	Mode  string `yaml:"mode"`  // octal; "" is 0644
	Owner string `yaml:"owner"` // user or user:group of the image; "" is root:root
}

// Spawn declares one virtual machine, or a group of equal ones when Count is set.
type Spawn struct {
	Image             string           `yaml:"image"`
	Count             *int             `yaml:"count"` // nil: one machine with the bare name
	Host              string           `yaml:"host"`
	Description       string           `yaml:"description"`
	Tags              []string         `yaml:"tags"` // sorted, each once
	VCPUs             int              `yaml:"vcpus"`
	MaxVCPUs          int              `yaml:"max_vcpus"` // it can get so many while it runs; at least VCPUs
	Memory            Memory           `yaml:"memory"`
	MaxMemory         Memory           `yaml:"max_memory"` // likewise; at least Memory
	Disk              Disk             `yaml:"disk"`       // the root disk; size 0: what the generation has
	Disks             map[string]Disk  `yaml:"disks"`
	Networks          []NIC            `yaml:"networks"`
	CloudInit         CloudInit        `yaml:"cloud_init"`
	SSHAuthorizedKeys []string         `yaml:"ssh_authorized_keys"`
	Standalone        bool             `yaml:"standalone"`
	State             string           `yaml:"state"` // running, stopped or any
	Shutdown          Shutdown         `yaml:"shutdown"`
	Restart           string           `yaml:"restart"` // never or when-needed
	Autostart         bool             `yaml:"autostart"`
	CPU               string           `yaml:"cpu"` // a mode of libvirt's or a model of QEMU's; "" is what suits the accelerator
	UEFI              bool             `yaml:"uefi"`
	SecureBoot        bool             `yaml:"secure_boot"` // only with UEFI
	TPM               bool             `yaml:"tpm"`
	Graphics          string           `yaml:"graphics"` // none, vnc or spice
	Shares            map[string]Share `yaml:"shares"`
	XML               File             `yaml:"xml"` // an overlay on the domain's definition
	Protect           bool             `yaml:"protect"`
	OnImageChange     string           `yaml:"on_image_change"`      // keep, respawn or consolidate
	OnCloudInitChange string           `yaml:"on_cloud_init_change"` // keep or respawn
	Rollout           Rollout          `yaml:"rollout"`
	Wait              Wait             `yaml:"wait"`
	At                Position         `yaml:"-"`
}

// Disk is a disk of a spawn. A size alone may stand for the mapping.
type Disk struct {
	Size    Size   `yaml:"size"`
	Cache   string `yaml:"cache"`   // default, none, writethrough, writeback, directsync or unsafe
	Discard string `yaml:"discard"` // unmap or ignore
}

// Share is a folder of the host that a spawn can mount by the share's name.
type Share struct {
	Path     string `yaml:"path"` // absolute
	ReadOnly bool   `yaml:"read_only"`
}

// Rollout limits how many members of a group a run takes down at once to respawn
// or restart them.
type Rollout struct {
	MaxUnavailable int `yaml:"max_unavailable"` // 0: all at once
}

// NIC is one network card: on a libvirt network or on a bridge, never both.
type NIC struct {
	Network     string   `yaml:"network"`
	Bridge      string   `yaml:"bridge"`
	MAC         string   `yaml:"mac"` // lower-case; "" means derived
	IP          string   `yaml:"ip"`  // address/prefix
	Gateway     string   `yaml:"gateway"`
	Nameservers []string `yaml:"nameservers"`
}

// CloudInit shapes the seed of a spawn.
type CloudInit struct {
	User          string `yaml:"user"`
	UserData      File   `yaml:"user_data"`
	NetworkConfig File   `yaml:"network_config"`
}

// File is a small file named by the inventory, with what it held when the
// inventory was loaded: one reading serves the whole run.
type File struct {
	Path    string // made absolute; "" when none is named
	Content []byte
}

// Shutdown says how a spawn is stopped: asked to, and after Timeout either
// powered off (then: force) or left running (then: fail).
type Shutdown struct {
	Timeout time.Duration `yaml:"timeout"`
	Then    string        `yaml:"then"` // force or fail
}

// Wait says what a started spawn must show before it counts as done.
type Wait struct {
	For     string        `yaml:"for"` // none, ip or ssh
	Timeout time.Duration `yaml:"timeout"`
}

// Size is a number of bytes. In YAML it needs a unit; all units are binary
// (K, KB and KiB are 1024 bytes).
type Size int64

// Memory is a number of bytes, a whole number of MiB. In YAML a bare number is MiB.
type Memory int64

// Position is a place in the inventory file.
type Position struct {
	File         string
	Line, Column int // from 1
}

// Files reads what an inventory names. Both paths are absolute.
type Files interface {
	// Digest returns the SHA-256 of a large file as lower-case hex.
	Digest(path string) (string, error)
	// Read returns the whole of a small file.
	Read(path string) ([]byte, error)
}
