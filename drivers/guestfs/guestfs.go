// Package guestfs customises and cleans disk images with the external tool
// virt-sysprep, in one run of libguestfs's appliance. It knows nothing of plans.
//
// Nothing of an image runs on the host: the appliance is a virtual machine of
// its own. The tool sees it in private namespaces, where /tmp is the caller's
// working folder; whatever ends the tool ends the appliance, and outside the
// working folder nothing is left but libguestfs's cache in /var/tmp.
package guestfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"pcloud-apply/drivers/tool"
)

// Config says what is done to an image, in this order: packages, files, keys,
// time zone, commands. Boot settings and the clean-up always follow, so that
// what those leave in temporary folders, logs and caches goes too.
type Config struct {
	Packages []string // for the image's own package manager
	Files    []File
	RootKeys []string // lines for root's authorized keys, added to those it has
	Timezone string   // like Europe/Berlin; "" leaves the image's
	Commands []string // for the image's own shell; the first that fails ends all
	Memory   int64    // of the appliance in bytes; 0 is libguestfs's default
	KVM      bool     // false: the appliance is emulated, and ten times as slow
}

// File is a file that the image gets, with the folders that lead to it. It
// replaces the content of one that is there.
type File struct {
	Content []byte
	To      string      // absolute; no folder
	Mode    os.FileMode // permissions only; 0 is 0644
	Owner   string      // user or user:group, as the image knows them; "" is root:root
}

// Tool is an installed virt-sysprep. It is safe for concurrent use, and needs
// root's rights.
type Tool struct {
	Path    string     // absolute
	Inherit []*os.File // files that the tool keeps open, for the locks on them
}

const advice = "apt-get install guestfs-tools linux-image-amd64"

// Find looks for the tool, see [tool.Find], and for a kernel that libguestfs can
// make its appliance of.
func Find() (Tool, error) {
	paths, err := tool.Find(map[string]string{"virt-sysprep": "guestfs-tools"}, "prepare images")
	if err != nil {
		return Tool{}, err
	}
	return Tool{Path: paths["virt-sysprep"]}, findKernel("/boot")
}

func findKernel(boot string) error {
	kernels, err := filepath.Glob(filepath.Join(boot, "vmlinuz-*"))
	if err != nil {
		return err
	}
	var why error
	for _, name := range kernels {
		file, err := os.Open(name)
		if err == nil {
			return file.Close()
		}
		why = err
	}
	if why != nil {
		return fmt.Errorf("libguestfs can read no kernel in %s: %w", boot, why)
	}
	return fmt.Errorf("libguestfs needs a kernel in %s (%s)", boot, advice)
}

// Prepare changes the qcow2 image, which has no backing file and which nothing
// else has open. The image is an absolute path or tool.Inherited; it must have a name
// on a file system until the first step. It has to hold one Linux for the
// host's architecture, with a shell and find.
//
// With packages or commands the appliance has QEMU's user network: it reaches
// what the host reaches, the host's own services included.
//
// User accounts, their authorized keys and crontabs stay. SSH host keys, the
// machine id, leases, cloud-init's state, logs, histories, caches and temporary
// files go, even when Config brought them.
//
// Work is an existing empty folder for the tool's files, which hold what Config
// holds; the caller removes it. Step hears of each stage as it begins.
//
// After an error the image holds anything. When ctx ends or this process dies,
// nothing goes on writing to it.
func (t Tool) Prepare(ctx context.Context, c Config, image, work string, step func(string)) error {
	if err := errors.Join(c.check(), absolute(image), absolute(work)); err != nil {
		return err
	}
	args, err := lay(c, work)
	if err != nil {
		return fmt.Errorf("write the files for virt-sysprep: %w", err)
	}
	return t.run(ctx, image, work, environment(c), args, &progress{step: step})
}
