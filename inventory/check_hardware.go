package inventory

import (
	"path/filepath"
	"regexp"
	"slices"
)

// maxTags, maxDescription and maxShares are beyond what anybody can keep in mind.
const (
	maxTags        = 32
	maxDescription = 1000 // letters
	maxShares      = 20
)

// cpuPattern is the form of libvirt's modes and of QEMU's model names, such as
// host-model and EPYC-Rome-v2.
var cpuPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$`)

// checkHardware checks what a spawn's virtual machine is made of.
func (l *loader) checkHardware(s Spawn, path string) {
	l.checkSizing(s, path)
	if s.CPU != "" && !cpuPattern.MatchString(s.CPU) {
		l.complain(path+".cpu", "%q is no CPU, such as host-passthrough, host-model, maximum or a model's name", shorten(s.CPU))
	}
	if s.SecureBoot && !s.UEFI {
		l.complain(path+".secure_boot", "goes with uefi: true")
	}
	l.oneOf(path+".graphics", s.Graphics, "none", "vnc", "spice")
	l.checkDisk(s.Disk, path+".disk")
	l.checkShares(s.Shares, path+".shares")
}

func (l *loader) checkSizing(s Spawn, path string) {
	switch {
	case s.VCPUs < 1 || s.VCPUs > maxVCPUs:
		l.complain(path+".vcpus", "wants 1 to %d", maxVCPUs)
	case s.MaxVCPUs < s.VCPUs || s.MaxVCPUs > maxVCPUs:
		l.complain(path+".max_vcpus", "wants at least vcpus (%d) and at most %d", s.VCPUs, maxVCPUs)
	}
	if s.MaxMemory < s.Memory {
		l.complain(path+".max_memory", "is less than memory")
	}
}

func (l *loader) checkDisk(d Disk, path string) {
	l.oneOf(path+".cache", d.Cache, "default", "none", "writethrough", "writeback", "directsync", "unsafe")
	l.oneOf(path+".discard", d.Discard, "unmap", "ignore")
}

func (l *loader) checkShares(shares map[string]Share, path string) {
	if len(shares) > maxShares {
		l.complain(path, "has %d shares; the most is %d", len(shares), maxShares)
	}
	for _, name := range sortedKeys(shares) {
		at, share := path+"."+name, shares[name]
		l.checkName(at, name, "a share's name")
		if len(name) > 36 { // the length of a mount tag in virtiofs
			l.complain(at, "a share's name has at most 36 letters: it is the mount tag too")
		}
		if !filepath.IsAbs(share.Path) || filepath.Clean(share.Path) != share.Path || share.Path == "/" {
			l.complain(at+".path", "wants the absolute path of a folder on the host, and not /")
		}
	}
}

// checkLabels checks what a spawn is called beside its name.
func (l *loader) checkLabels(s Spawn, path string) {
	if len(s.Description) > maxDescription {
		l.complain(path+".description", "has %d letters; the most is %d", len(s.Description), maxDescription)
	}
	if len(s.Tags) > maxTags {
		l.complain(path+".tags", "has %d tags; the most is %d", len(s.Tags), maxTags)
	}
	for i, tag := range s.Tags {
		l.checkName(index(path+".tags", i), tag, "a tag")
		if slices.Index(s.Tags, tag) < i {
			l.complain(index(path+".tags", i), "%s stands there twice", tag)
		}
	}
}

func (l *loader) checkRollout(s Spawn, path string) {
	switch {
	case s.Rollout.MaxUnavailable < 0:
		l.complain(path+".rollout.max_unavailable", "cannot be negative")
	case s.Rollout.MaxUnavailable > 0 && s.Count == nil:
		l.complain(path+".rollout", "goes with count: a single spawn has none to take turns with")
	}
}
