package virtinstall

import "time"

// Config says what is installed, and in what machine. An installer comes from
// Location, or from Kernel and Initrd.
type Config struct {
	URI               string // libvirt connection, on this machine
	Name, UUID, Title string // of the build domain; nobody else uses them

	// Location is an installation tree (http or https URL, or absolute path of
	// a folder) or an ISO image (absolute path), which the domain has as a
	// CD-ROM; QEMU's user must be able to read that.
	Location string
	// LocationKernel and LocationInitrd are paths inside Location. Both "" = the
	// places where distributions have them.
	LocationKernel, LocationInitrd string
	Kernel, Initrd                 string // absolute paths or http or https URLs

	KernelArgs string // after those for the serial console and the answers
	Answers    Answers
	Memory     int64 // bytes, whole MiB
	VCPUs      int
	Network    string // of libvirt; or:
	Bridge     string
	KVM        bool          // false: the machine is emulated, and ten times as slow
	Timeout    time.Duration // for all, from the download to the end of the machine
}

// Answers are what the installer asks for. They may hold secrets: they are in
// no command line, no error and no file that others can read.
type Answers struct {
	Kind    string // "preseed", "kickstart", "autoinstall"; "" = there are none
	Content []byte // verbatim; for autoinstall it is cloud-init's user-data
}

// way is how an installer comes to its answers.
type way struct {
	file string // in the root of the initrd; "" = a NoCloud seed is attached
	args string // for the kernel
	tree string // kernel argument that names the tree, if that is a URL
}

// ways are by the kind of answers: appendix B of Debian's installation guide,
// the boot options of Anaconda from version 19 on (Red Hat 7), and Ubuntu's
// autoinstall quick start.
var ways = map[string]way{
	"":            {},
	"preseed":     {file: "preseed.cfg", args: "auto=true priority=critical"},
	"kickstart":   {file: "ks.cfg", args: "inst.ks=file:/ks.cfg inst.text", tree: "inst.repo="},
	"autoinstall": {args: "autoinstall"},
}
