package inventory

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// Limits on one spawn and on all of them.
const (
	maxVCPUs  = 512 // more than libvirt's QEMU driver takes for q35
	maxCount  = 1000
	maxSpawns = 10_000
	maxNICs   = 16
	maxDisks  = 20
)

func (l *loader) checkSpawns(inv *Inventory) {
	addresses := newAddressBook(l)
	total := 0
	for _, name := range sortedKeys(inv.Spawns) {
		s, path := inv.Spawns[name], "spawns."+name
		l.fillSpawn(inv, &s)
		l.checkSpawn(inv, name, s, path)
		l.checkNICs(s, path, addresses)
		inv.Spawns[name] = s
		total += machines(s)
	}
	if total > maxSpawns {
		l.complain("spawns", "declares %d machines; the most is %d", total, maxSpawns)
		return
	}
	l.checkGroups(inv)
}

// machines counts what a declaration makes. A wrong count has its own fault.
func machines(s Spawn) int {
	if s.Count == nil || *s.Count < 1 || *s.Count > maxCount {
		return 1
	}
	return *s.Count
}

// fillSpawn fills what follows from other keys.
func (l *loader) fillSpawn(inv *Inventory, s *Spawn) {
	if s.Host == "" && len(inv.Hosts) == 1 {
		s.Host = sortedKeys(inv.Hosts)[0]
	}
	if s.MaxVCPUs == 0 {
		s.MaxVCPUs = s.VCPUs
	}
	if s.MaxMemory == 0 {
		s.MaxMemory = s.Memory
	}
	if s.Networks == nil {
		s.Networks = []NIC{{Network: cmp.Or(inv.Hosts[s.Host].Network, "default")}}
	}
	if s.Wait.For == "" {
		s.Wait.For = "none"
		if s.State != "stopped" && onNetwork(*s) {
			s.Wait.For = "ip"
		}
	}
}

// onNetwork tells whether libvirt sees the spawn's leases.
func onNetwork(s Spawn) bool {
	for _, nic := range s.Networks {
		if nic.Network != "" {
			return true
		}
	}
	return false
}

var userPattern = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

func (l *loader) checkSpawn(inv *Inventory, name string, s Spawn, path string) {
	l.checkName(path, name, "a spawn's name")
	reference(l, path+".image", s.Image, "image", inv.Images)
	if s.Host == "" {
		l.complain(path+".host", "is missing: there are several hosts")
	} else {
		reference(l, path+".host", s.Host, "host", inv.Hosts)
	}
	l.checkLabels(s, path)
	l.checkHardware(s, path)
	l.checkCount(s, path)
	l.checkRollout(s, path)
	l.checkDisks(s, path+".disks")
	l.oneOf(path+".state", s.State, "running", "stopped", "any")
	l.oneOf(path+".shutdown.then", s.Shutdown.Then, "force", "fail")
	l.oneOf(path+".restart", s.Restart, "never", "when-needed")
	l.oneOf(path+".on_image_change", s.OnImageChange, "keep", "respawn", "consolidate")
	l.oneOf(path+".on_cloud_init_change", s.OnCloudInitChange, "keep", "respawn")
	l.oneOf(path+".wait.for", s.Wait.For, "none", "ip", "ssh")
	if s.Wait.For != "none" && len(s.Networks) == 0 {
		l.complain(path+".wait.for", "there is nothing to wait for: the spawn has no network")
	}
	l.checkKeys(s.SSHAuthorizedKeys, path+".ssh_authorized_keys")
	l.checkCloudInit(s.CloudInit, path+".cloud_init")
}

func (l *loader) checkCount(s Spawn, path string) {
	if s.Count == nil {
		return
	}
	if *s.Count < 1 || *s.Count > maxCount {
		l.complain(path+".count", "wants 1 to %d", maxCount)
	}
	for i, nic := range s.Networks {
		if nic.MAC != "" || nic.IP != "" {
			l.complain(index(path+".networks", i), "a group cannot share a mac or an ip; leave out count or these")
		}
	}
}

func (l *loader) checkDisks(s Spawn, path string) {
	if len(s.Disks) > maxDisks {
		l.complain(path, "has %d disks; the most is %d", len(s.Disks), maxDisks)
	}
	for _, name := range sortedKeys(s.Disks) {
		l.checkName(path+"."+name, name, "a disk's name")
		if len(name) > 20 {
			l.complain(path+"."+name, "a disk's name has at most 20 letters: it is a serial number too")
		}
		if s.Disks[name].Size == 0 {
			l.complain(path+"."+name+".size", "is missing")
		}
		l.checkDisk(s.Disks[name], path+"."+name)
	}
}

// checkGroups finds members of a group whose name is another spawn's too.
func (l *loader) checkGroups(inv *Inventory) {
	for _, name := range sortedKeys(inv.Spawns) {
		s := inv.Spawns[name]
		if s.Count == nil {
			continue
		}
		for i := 1; i <= machines(s); i++ {
			member := fmt.Sprintf("%s-%d", name, i)
			if _, ok := inv.Spawns[member]; ok {
				l.complain("spawns."+member, "is also the name of a member of the group %s", name)
			}
			if !namePattern.MatchString(member) {
				l.complain("spawns."+name, "the member %s is no name: at most 41 letters", member)
				break
			}
		}
	}
}

// userDataStarts is how cloud-init tells what user-data is; it ignores the rest.
var userDataStarts = []string{
	"#cloud-config", "#!", "#include", "## template:", "#cloud-boothook", "#part-handler", "Content-Type:", "MIME-Version:",
}

func (l *loader) checkCloudInit(c CloudInit, path string) {
	if c.User != "" && !userPattern.MatchString(c.User) {
		l.complain(path+".user", "%q is no user's name", shorten(c.User))
	}
	if c.UserData.Path != "" && !startsLike(c.UserData.Content, userDataStarts) {
		l.complain(path+".user_data", "cloud-init would ignore %s: it begins with none of %s", c.UserData.Path, strings.Join(userDataStarts, ", "))
	}
	if c.NetworkConfig.Path != "" {
		l.checkNetworkConfig(c.NetworkConfig, path+".network_config")
	}
}

func (l *loader) checkNetworkConfig(file File, path string) {
	is, ok := l.mappings[file.Path]
	if !ok {
		is = isMapping(file.Content)
		l.mappings[file.Path] = is
	}
	if !is {
		l.complain(path, "%s is no network configuration: it is not a YAML mapping", file.Path)
	}
}

func isMapping(text []byte) bool {
	var document yaml.Node
	err := yaml.Unmarshal(text, &document)
	return err == nil && len(document.Content) == 1 && len(document.Content[0].Content) > 0 &&
		document.Content[0].Kind == yaml.MappingNode
}

func startsLike(content []byte, starts []string) bool {
	for _, start := range starts {
		if bytes.HasPrefix(content, []byte(start)) {
			return true
		}
	}
	return false
}
