package libvirt

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"

	"pcloud-apply/plan"
)

// The mark is what makes a domain a spawn: an element of our own in its
// metadata, which libvirt keeps and never looks at.
const (
	namespaceOfAll = "urn:pcloud-apply:spawn:" // of every format version
	namespace      = namespaceOfAll + "1"
	prefix         = "pcloud"
)

// mark is format 1 of the mark.
type mark struct {
	Inventory string     `xml:"inventory,attr"`
	Name      string     `xml:"name,attr"`
	UUID      string     `xml:"uuid,attr"` // the domain's own: virt-clone copies marks, and this gives a copy away
	Phase     plan.Phase `xml:"state,attr"`
	Protect   bool       `xml:"protect,attr"`
	Waiting   int        `xml:"waiting,attr,omitempty"` // id of the running domain that lacks what was redefined
	Origin    string     `xml:"origin"`
	Image     markImage  `xml:"image"`
	Seed      markSeed   `xml:"seed"`
	Disks     []markDisk `xml:"disk"`
	NICs      []markNIC  `xml:"nic"`
	Tags      []string   `xml:"tag"`
	MadeBy    markMadeBy `xml:"made-by"`
}

type markImage struct {
	Name        string `xml:"name,attr"`
	Generation  string `xml:"generation,attr"`
	Fingerprint string `xml:"sha256,attr"`
}

type markSeed struct {
	Hash string `xml:"hash,attr"`
}

type markDisk struct {
	Name string `xml:"name,attr"`
	Size int64  `xml:"size,attr"` // bytes, as it was made
}

type markNIC struct {
	MAC string `xml:"mac,attr"`
	IP  string `xml:"ip,attr,omitempty"` // with its prefix
}

type markMadeBy struct {
	Version string `xml:"version,attr"`
	Commit  string `xml:"commit,attr,omitempty"`
}

func (h *Host) newMark(s plan.Spawn, phase plan.Phase) mark {
	m := mark{
		Inventory: h.Inventory, Name: s.Name, UUID: s.UUID, Phase: phase, Protect: s.Protect,
		Origin: s.Origin, Image: markImage{s.Image, s.Generation, s.Fingerprint},
		Seed: markSeed{s.SeedHash}, MadeBy: markMadeBy{h.Tool, h.Commit},
	}
	if m.Origin == "" {
		m.Origin = h.Origin
	}
	for _, d := range s.Disks {
		m.Disks = append(m.Disks, markDisk(d))
	}
	m.setNICs(s)
	m.Tags = s.Tags
	return m
}

// setNICs records the spawn's own cards.
func (m *mark) setNICs(s plan.Spawn) {
	m.NICs = nil
	for _, nic := range s.NICs {
		m.NICs = append(m.NICs, markNIC{nic.MAC, nic.IP})
	}
}

// element is the mark as SetMetadata wants it: libvirt adds the namespace.
func (m mark) element() (string, error) {
	text, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"spawn"`
		mark
	}{mark: m})
	if err != nil {
		return "", fmt.Errorf("write mark: %w", err)
	}
	return string(text), nil
}

// tag is the beginning of a tag; texts and attributes have no bare <.
var tag = regexp.MustCompile(`<(/?)`)

// qualified is the mark as it stands in a domain's definition.
func (m mark) qualified() (string, error) {
	text, err := m.element()
	if err != nil {
		return "", err
	}
	text = tag.ReplaceAllString(text, "<${1}"+prefix+":")
	return strings.Replace(text, ":spawn", ":spawn xmlns:"+prefix+`="`+namespace+`"`, 1), nil
}

// owned tells whether the mark is the given inventory's and lies on the domain
// that it was made for.
func (m mark) owned(inventory, uuid string) bool {
	return m.Inventory == inventory && m.UUID == uuid
}
