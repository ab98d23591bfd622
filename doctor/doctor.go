// Package doctor judges whether a host is fit for an inventory. It is pure: the
// facts come from drivers, and every finding has the command that mends it.
package doctor

import (
	"fmt"

	"pcloud-apply/plan"
)

// Level is how bad a finding is.
type Level string

// The levels. A warning lets everything run, but not well or not for long.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level  `json:"level"`
	What  string `json:"what"`
	Text  string `json:"text"`
	Fix   string `json:"fix,omitempty"` // a command, or what to do
}

// Facts are what was seen of one host.
type Facts struct {
	URI          string
	Versions     string // of libvirt and the hypervisor
	Accelerator  string // declared: auto, kvm or tcg
	NoKVM        string // why guests are emulated; "" when KVM runs them
	Security     string // security driver, for example apparmor; "" for none
	Root         bool   // this program runs as root
	Pool         Pool
	Networks     []Network
	Tools        []Tool
	MemoryFree   int64 // bytes that the host can still give
	MemoryWanted int64 // bytes that declared spawns still need
	DiskWanted   int64 // bytes that declared disks can grow to
}

// Pool is the folder of a pool.
type Pool struct {
	Name      string
	Folder    string
	Mode      uint32 // permission bits
	Owner     int    // uid
	Symlink   bool   // the folder's path goes through one
	Free      int64  // bytes
	Immutable bool   // the file system and our rights allow the immutable flag
	Autostart bool
}

// Network is a network that the inventory names.
type Network struct {
	Name      string
	Missing   bool
	Active    bool
	Autostart bool
	DHCP      bool
}

// Tool is an external program.
type Tool struct {
	Name    string
	Version string
	Missing string // why it cannot be used
	Fix     string
}

// Examine gives the findings in the order in which they are worth mending.
func Examine(f Facts) []Finding {
	findings := []Finding{{OK, "connection", f.URI + ": " + f.Versions, ""}}
	findings = append(findings, f.accelerator(), f.rights(), f.security())
	findings = append(findings, f.pool()...)
	for _, n := range f.Networks {
		findings = append(findings, n.examine(f.URI))
	}
	for _, t := range f.Tools {
		findings = append(findings, t.examine())
	}
	return append(findings, f.memory(), f.disk())
}

func (f Facts) accelerator() Finding {
	switch {
	case f.NoKVM == "":
		return Finding{OK, "accelerator", "KVM runs guests", ""}
	case f.Accelerator == "kvm":
		return Finding{Problem, "accelerator", "KVM is declared and does not run guests: " + f.NoKVM, "declare accelerator: auto"}
	case f.Accelerator == "tcg":
		return Finding{OK, "accelerator", "guests are emulated, as declared", ""}
	}
	return Finding{Warning, "accelerator", "guests are emulated and slow: " + f.NoKVM,
		"enable virtualisation in the firmware, or nested virtualisation on the machine below; then: modprobe kvm_intel || modprobe kvm_amd"}
}

func (f Facts) rights() Finding {
	if f.Root {
		return Finding{OK, "rights", "runs as root", ""}
	}
	return Finding{Problem, "rights", "golden images and seeds are written into the pool's folder, which takes root", "sudo pcloud-apply …"}
}

func (f Facts) security() Finding {
	if f.Security == "" {
		return Finding{Warning, "security", "libvirt confines guests with no security driver", "apt-get install apparmor, then restart libvirtd"}
	}
	return Finding{OK, "security", "libvirt confines guests with " + f.Security, ""}
}

func (f Facts) pool() []Finding {
	p := f.Pool
	what := "pool " + p.Name
	switch {
	case p.Owner != 0 || p.Mode&0o022 != 0:
		return []Finding{{Problem, what, fmt.Sprintf("others than root can write into %s (owner %d, mode %04o)", p.Folder, p.Owner, p.Mode),
			fmt.Sprintf("chown root: %s && chmod go-w %s", p.Folder, p.Folder)}}
	case p.Mode&0o001 == 0:
		return []Finding{{Problem, what, "QEMU's user cannot reach files in " + p.Folder, "chmod o+x " + p.Folder}}
	}
	findings := []Finding{{OK, what, fmt.Sprintf("%s, %s free", p.Folder, plan.RoughBytes(p.Free)), ""}}
	if p.Symlink {
		findings = append(findings, Finding{Warning, what, p.Folder + " goes through a symbolic link", "give the pool the real path"})
	}
	if !p.Immutable {
		findings = append(findings, Finding{Warning, what, "golden images cannot be made immutable there: only their mode protects them", "use ext4, XFS or Btrfs"})
	}
	if !p.Autostart {
		findings = append(findings, Finding{Warning, what, "it does not start with the host",
			fmt.Sprintf("virsh -c %s pool-autostart %s", f.URI, p.Name)})
	}
	return findings
}

func (n Network) examine(uri string) Finding {
	what := "network " + n.Name
	switch {
	case n.Missing:
		return Finding{Problem, what, "does not exist", fmt.Sprintf("virsh -c %s net-define /usr/share/libvirt/networks/default.xml", uri)}
	case !n.Active:
		return Finding{Problem, what, "is not active", fmt.Sprintf("virsh -c %s net-start %s", uri, n.Name)}
	case !n.DHCP:
		return Finding{Warning, what, "has no DHCP: spawns on it get no lease to wait for", "declare wait: {for: none}"}
	case !n.Autostart:
		return Finding{Warning, what, "does not start with the host", fmt.Sprintf("virsh -c %s net-autostart %s", uri, n.Name)}
	}
	return Finding{OK, what, "active, with DHCP", ""}
}

func (t Tool) examine() Finding {
	if t.Missing != "" {
		return Finding{Problem, t.Name, t.Missing, t.Fix}
	}
	return Finding{OK, t.Name, t.Version, ""}
}

func (f Facts) memory() Finding {
	text := fmt.Sprintf("%s free, %s still wanted by declared spawns", plan.RoughBytes(f.MemoryFree), plan.RoughBytes(f.MemoryWanted))
	if f.MemoryWanted > f.MemoryFree {
		return Finding{Warning, "memory", text, "declare less memory or fewer running spawns"}
	}
	return Finding{OK, "memory", text, ""}
}

// disk compares with what overlays could grow to; they seldom all do.
func (f Facts) disk() Finding {
	text := fmt.Sprintf("%s free, declared disks can grow by %s", plan.RoughBytes(f.Pool.Free), plan.RoughBytes(f.DiskWanted))
	if f.DiskWanted > f.Pool.Free {
		return Finding{Warning, "disk space", text, "watch it, or declare smaller disks"}
	}
	return Finding{OK, "disk space", text, ""}
}
