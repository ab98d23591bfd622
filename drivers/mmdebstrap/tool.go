// Package mmdebstrap builds disk images of Debian and Ubuntu from a package
// mirror, with the external tool mmdebstrap and those that make file systems.
// It knows nothing of plans.
//
// The packages' own scripts run as root, as in any installation: a mirror and
// its keyring are trusted. What they start lives in namespaces of its own, so
// that no process and no mount is left, however a build ends. No device of the
// host takes part: file systems are written straight into the image's file.
package mmdebstrap

import (
	"os"

	"pcloud-apply/drivers/tool"
)

// Tool is what builds images. It is safe for concurrent use.
type Tool struct {
	Paths   map[string]string // absolute, by the name of the program
	Inherit []*os.File        // files that children keep open, for the locks on them
}

// programs has the names that Paths needs, each with the package that has it.
var programs = map[string]string{
	"apt-get":    "apt",
	"mcopy":      "mtools",
	"mke2fs":     "e2fsprogs",
	"mkfs.vfat":  "dosfstools",
	"mmdebstrap": "mmdebstrap",
	"sfdisk":     "fdisk",
}

// Find looks for the programs; see [tool.Find].
func Find() (Tool, error) {
	paths, err := tool.Find(programs, "build images")
	return Tool{Paths: paths}, err
}
