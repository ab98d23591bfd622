// Package distro has profiles for unattended installations: what a distribution
// needs to be installed by its own installer without a question.
//
// All machines that come out of the answers are alike: one ext4 file system, the
// last partition of /dev/vda, without swap; no password and no user but a locked
// root; OpenSSH for keys only; cloud-init, growpart and the guest agent of QEMU;
// a console on the screen and on ttyS0; English, UTC, addresses by DHCP. They
// boot by BIOS and power off when they are installed. What goes wrong is asked
// or shown, so such an installation never powers off: bound its time.
package distro

import "slices"

// Profile is how a distribution is installed unattended. A copy belongs to the
// caller.
type Profile struct {
	// Name is how an inventory names it: debian12.
	Name string
	// Location is the URL of the installation tree; with answers of the kind
	// Autoinstall, that of an ISO image.
	Location string
	// Answers are complete. They name the source of the packages themselves, so
	// they install from there even if the kernel is from another Location.
	Answers Answers
	// Memory is what the installer needs, in bytes.
	Memory int64
	// Disk is a sensible size of the system's disk, in bytes.
	Disk int64
	// Tested is true only where a test of this project boots this installer.
	Tested bool
}

// Kind is the format of answers, which says how an installer gets them.
type Kind string

// The kinds of answers, and where their installers look for them.
const (
	Preseed     Kind = "preseed"     // preseed.cfg in the root of the initrd
	Kickstart   Kind = "kickstart"   // where the argument inst.ks says
	Autoinstall Kind = "autoinstall" // user-data of a NoCloud seed
)

// Answers are what an installer would ask.
type Answers struct {
	Kind    Kind
	Content []byte
}

// Find gives the profile of that name, and whether there is one.
func Find(name string) (Profile, bool) {
	for _, p := range all() {
		if p.Name == name {
			return p, true
		}
	}
	return Profile{}, false
}

// Names gives the names of all profiles, sorted.
func Names() []string {
	var names []string
	for _, p := range all() {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

func all() []Profile {
	return slices.Concat(debians(), ubuntus(), enterprises(), fedoras())
}
