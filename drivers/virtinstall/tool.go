// Package virtinstall installs operating systems unattended, in a build domain
// that the external tool virt-install makes and watches. It knows nothing of
// plans.
//
// The tool gets its kernel and initrd from us, and its disks as plain XML. Left
// to itself it defines storage pools for the folders of all paths that it is
// given, refreshes those that exist, and sends kernel and initrd to a pool at
// /var/lib/libvirt/boot: none of that happens here.
package virtinstall

import (
	"os"

	"pcloud-apply/drivers/tool"
)

// Tool is what installs. It is safe for concurrent use on different domains,
// and needs root's rights.
type Tool struct {
	Paths map[string]string // absolute, by the name of the program
	// Inherit has files that children keep open, for the locks on them: such a
	// lock is held until nothing can write to the disk any more.
	Inherit []*os.File
}

// programs has the names that Paths needs, each with the package that has it.
var programs = map[string]string{
	"virsh":        "libvirt-clients",
	"virt-install": "virtinst",
	"xorriso":      "xorriso",
}

// Find looks for the programs; see [tool.Find].
func Find() (Tool, error) {
	paths, err := tool.Find(programs, "run installers")
	return Tool{Paths: paths}, err
}
