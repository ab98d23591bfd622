package libvirt

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/docker/go-units"

	"pcloud-apply/plan"
)

// definition is the part of a domain's XML that inspection reads.
type definition struct {
	Type     string   `xml:"type,attr"`
	Name     string   `xml:"name"`
	UUID     string   `xml:"uuid"`
	Memory   quantity `xml:"memory"`
	VCPU     int      `xml:"vcpu"`
	Metadata struct {
		Marks []mark `xml:"urn:pcloud-apply:spawn:1 spawn"`
		Any   []struct {
			XMLName   xml.Name
			Inventory string `xml:"inventory,attr"`
		} `xml:",any"`
	} `xml:"metadata"`
	Disks []struct {
		Source struct {
			File string `xml:"file,attr"`
			Dev  string `xml:"dev,attr"`
		} `xml:"source"`
		Target struct {
			Dev string `xml:"dev,attr"`
		} `xml:"target"`
	} `xml:"devices>disk"`
	Interfaces []struct {
		MAC struct {
			Address string `xml:"address,attr"`
		} `xml:"mac"`
		Source struct {
			Network string `xml:"network,attr"`
			Bridge  string `xml:"bridge,attr"`
		} `xml:"source"`
	} `xml:"devices>interface"`
}

// quantity is a number with a unit, as libvirt writes memory.
type quantity struct {
	Unit  string `xml:"unit,attr"`
	Value int64  `xml:",chardata"`
}

// bytes converts it; libvirt itself always writes KiB.
func (q quantity) bytes() int64 {
	switch q.Unit {
	case "b", "bytes":
		return q.Value
	case "M", "MiB":
		return q.Value * units.MiB
	case "G", "GiB":
		return q.Value * units.GiB
	}
	return q.Value * units.KiB
}

func parseDefinition(text string) (definition, error) {
	var d definition
	if err := xml.NewTokenDecoder(&tokens{events: events(text)}).Decode(&d); err != nil {
		return definition{}, fmt.Errorf("parse domain: %w", err)
	}
	return d, nil
}

// mark is the domain's mark; ok is false when it has none that this version
// knows, or one that was copied from another domain.
func (d definition) mark(inventory string) (m mark, ok bool) {
	for _, m := range d.Metadata.Marks {
		if m.owned(inventory, d.UUID) {
			return m, true
		}
	}
	return mark{}, false
}

// newerMark tells whether a later version of this program has marked the
// domain for the inventory.
func (d definition) newerMark(inventory string) bool {
	for _, element := range d.Metadata.Any {
		if strings.HasPrefix(element.XMLName.Space, namespaceOfAll) && element.Inventory == inventory {
			return true
		}
	}
	return false
}

// spawn is the domain in the plan's terms.
func (d definition) spawn(h *Host, m mark) plan.Spawn {
	s := plan.Spawn{
		Host: h.Name, Name: m.Name, Domain: d.Name, UUID: d.UUID,
		Image: m.Image.Name, Generation: m.Image.Generation, Fingerprint: m.Image.Fingerprint,
		VCPUs: d.VCPU, Memory: d.Memory.bytes(), NICs: d.nics(m), Tags: m.Tags,
		Phase: m.Phase, Protect: m.Protect, Origin: m.Origin, SeedHash: m.Seed.Hash,
		Accel: d.Type,
	}
	for _, disk := range m.Disks {
		s.Disks = append(s.Disks, plan.Disk(disk))
	}
	d.readDisks(h.Folder, &s)
	return s
}

// nics are the cards of the definition; the mark says which are the spawn's own.
func (d definition) nics(m mark) []plan.NIC {
	var nics []plan.NIC
	for _, i := range d.Interfaces {
		nic := plan.NIC{Network: i.Source.Network, Bridge: i.Source.Bridge, MAC: strings.ToLower(i.MAC.Address)}
		for _, recorded := range m.NICs {
			if recorded.MAC == nic.MAC {
				nic.IP, nic.Own = recorded.IP, true
			}
		}
		nics = append(nics, nic)
	}
	return nics
}

// readDisks tells the spawn's own files from others that are attached to it.
func (d definition) readDisks(folder string, s *plan.Spawn) {
	own := map[string]bool{folder + "/" + s.SeedFile(): true}
	for _, name := range s.Volumes() {
		own[folder+"/"+name] = true
	}
	for _, disk := range d.Disks {
		file := disk.Source.File + disk.Source.Dev
		if disk.Target.Dev == rootTarget {
			s.Root = file
		} else if file != "" && !own[file] {
			s.Foreign = append(s.Foreign, file)
		}
	}
}
