package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// References implements apply.Referrers: it reads everything on the host that
// can name a file. It is much dearer than an inspection and made only when
// something is to be removed or taken up.
func (h *Host) References(ctx context.Context) (plan.References, error) {
	s := newScan(h.Folder)
	err := h.call(ctx, func(c *connection) error {
		if err := scanDomains(c, s); err != nil {
			return err
		}
		return scanPools(c, s)
	})
	if err != nil {
		return plan.References{}, fmt.Errorf("read who names which file on %s: %w", h.URI, err)
	}
	s.followChains()
	return s.references, nil
}

func scanDomains(c *connection, s *scan) error {
	domains, err := c.ListAllDomains(0)
	if err != nil {
		return err
	}
	defer free(domains)
	for i := range domains {
		if err := scanDomain(&domains[i], s); err != nil && !errors.Is(err, lv.ERR_NO_DOMAIN) { // gone by now
			s.unknown("a domain: %v", err)
		}
	}
	return nil
}

// scanDomain reads what is defined, what runs, and every snapshot.
func scanDomain(domain *lv.Domain, s *scan) error {
	name, err := domain.GetName()
	if err != nil {
		return err
	}
	for _, flags := range []lv.DomainXMLFlags{lv.DOMAIN_XML_INACTIVE, 0} {
		text, err := domain.GetXMLDesc(flags)
		if err != nil {
			return fmt.Errorf("domain %s: %w", name, err)
		}
		s.names(plan.User{Kind: "domain", Name: name}, text)
	}
	return scanSnapshots(domain, name, s)
}

func scanSnapshots(domain *lv.Domain, name string, s *scan) error {
	uuid, err := domain.GetUUIDString()
	if err != nil {
		return fmt.Errorf("domain %s: %w", name, err)
	}
	snapshots, err := domain.ListAllSnapshots(0)
	if err != nil {
		return fmt.Errorf("snapshots of domain %s: %w", name, err)
	}
	for i := range snapshots {
		text, err := snapshots[i].GetXMLDesc(0)
		_ = snapshots[i].Free() // fails only for a handle that is none
		if err != nil {
			return fmt.Errorf("snapshots of domain %s: %w", name, err)
		}
		s.names(plan.User{Kind: "snapshot of", Name: name}, text)
	}
	s.references.Snapshots[uuid] = len(snapshots) + checkpoints(domain)
	return nil
}

// checkpoints counts none where libvirt or the driver does not have them.
func checkpoints(domain *lv.Domain) int {
	list, err := domain.ListAllCheckpoints(0)
	if err != nil {
		return 0
	}
	for i := range list {
		_ = list[i].Free() // fails only for a handle that is none
	}
	return len(list)
}

func scanPools(c *connection, s *scan) error {
	pools, err := c.ListAllStoragePools(lv.CONNECT_LIST_STORAGE_POOLS_ACTIVE)
	if err != nil {
		return err
	}
	for i := range pools {
		if err := scanPool(&pools[i], s); err != nil {
			s.unknown("a pool: %v", err)
		}
		_ = pools[i].Free() // fails only for a handle that is none
	}
	return nil
}

func scanPool(pool *lv.StoragePool, s *scan) error {
	text, err := pool.GetXMLDesc(0)
	if err != nil {
		return err
	}
	var parsed struct {
		Type string `xml:"type,attr"`
		Path string `xml:"target>path"`
	}
	if err := xml.Unmarshal([]byte(text), &parsed); err != nil {
		return err
	}
	switch parsed.Type {
	case "dir", "fs", "netfs":
		return s.folder(parsed.Path)
	}
	return scanVolumes(pool, s)
}

// scanVolumes reads the volumes of a pool that has no folder.
func scanVolumes(pool *lv.StoragePool, s *scan) error {
	volumes, err := pool.ListAllStorageVolumes(0)
	if err != nil {
		return err
	}
	for i := range volumes {
		text, err := volumes[i].GetXMLDesc(0)
		_ = volumes[i].Free() // fails only for a handle that is none
		if err != nil {
			return err
		}
		var volume struct {
			Key     string `xml:"key"`
			Backing string `xml:"backingStore>path"`
		}
		if err := xml.Unmarshal([]byte(text), &volume); err != nil {
			return err
		}
		s.uses(plan.User{Kind: "image", Name: volume.Key}, volume.Backing)
	}
	return nil
}

// absolutePaths are all attribute values and texts in the XML that look like one.
func absolutePaths(text string) ([]string, error) {
	var paths []string
	add := func(value string) {
		if value = strings.TrimSpace(value); strings.HasPrefix(value, "/") {
			paths = append(paths, value)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.RawToken()
		switch t := token.(type) {
		case nil:
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return paths, err
		case xml.StartElement:
			for _, attribute := range t.Attr {
				add(attribute.Value)
			}
		case xml.CharData:
			add(string(t))
		}
	}
}
