package inventory

import (
	"net/url"
	"strings"
)

// unsupported lists what is valid and cannot be performed yet. A verb that
// comes to be takes its line away here.
func (l *loader) unsupported(inv *Inventory) []Fault {
	var later []Fault
	add := func(is bool, path, what string) {
		if is {
			later = append(later, Fault{Path: path, Problem: "not supported yet: " + what})
		}
	}
	for name, h := range inv.Hosts {
		add(NamesServer(h.URI), "hosts."+name+".uri", "a host on another machine")
	}
	for name, s := range inv.Spawns {
		unsupportedSpawn(s, "spawns."+name, add)
	}
	var each faults
	each.addAll(l.located(later))
	sortFaults(each.list)
	return each.list
}

func unsupportedSpawn(s Spawn, path string, add func(is bool, path, what string)) {
	add(s.UEFI, path+".uefi", "UEFI firmware")
	add(s.TPM, path+".tpm", "a TPM")
	add(s.CPU != "", path+".cpu", "a CPU")
	add(s.Graphics != "none", path+".graphics", "graphics")
	add(len(s.Shares) > 0, path+".shares", "shares")
	add(s.XML.Path != "", path+".xml", "an XML overlay")
	add(s.Disk.Cache != "default" || s.Disk.Discard != "unmap", path+".disk", "cache and discard")
	for name, disk := range s.Disks {
		add(disk.Cache != "default" || disk.Discard != "unmap", path+".disks."+name, "cache and discard")
	}
	add(s.OnCloudInitChange != "keep", path+".on_cloud_init_change", "anything but keep")
	add(s.Wait.For != "none" && !onNetwork(s), path+".wait.for", "waiting for an address on a bridge")
	for i, nic := range s.Networks {
		add(nic.IP != "", index(path+".networks", i)+".ip", "static addresses")
	}
}

// NamesServer tells whether a libvirt URI leads to another machine.
func NamesServer(uri string) bool {
	if strings.HasPrefix(uri, "test:") {
		return false
	}
	parsed, err := url.Parse(uri)
	return err == nil && parsed.Host != ""
}
