package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// References implements apply.Referrers: it reads everything on the host that
// can name a file. It is dearer than an inspection and made only when something
// is to be removed or taken up.
func (h *Host) References(ctx context.Context) (plan.References, error) {
	return h.ReferencesAfter(ctx, Found{})
}

// ReferencesAfter is References right after an inspection: definitions that it
// has read are not read again.
func (h *Host) ReferencesAfter(ctx context.Context, found Found) (plan.References, error) {
	s := newScan(h.Folder, found.texts)
	err := h.scanDomains(ctx, s)
	if err == nil {
		err = h.call(ctx, func(c *connection) error { return scanPools(c, s) })
	}
	if err != nil {
		return plan.References{}, fmt.Errorf("read who names which file on %s: %w", h.URI, err)
	}
	s.followChains()
	return s.references, nil
}

func (h *Host) scanDomains(ctx context.Context, s *scan) error {
	var domains, snapshotted []lv.Domain
	err := h.call(ctx, func(c *connection) (err error) {
		if domains, err = c.ListAllDomains(0); err == nil {
			snapshotted, err = withSnapshots(c)
		}
		return err
	})
	defer free(domains)
	defer free(snapshotted)
	if err != nil {
		return err
	}
	var readers errgroup.Group
	readers.SetLimit(callsInFlight)
	for i := range domains {
		readers.Go(func() error { return h.scanDomain(ctx, &domains[i], s, scanDefinitions) })
	}
	for i := range snapshotted {
		readers.Go(func() error { return h.scanDomain(ctx, &snapshotted[i], s, scanSnapshots) })
	}
	return readers.Wait()
}

// withSnapshots are the domains that have snapshots, and those that have
// checkpoints where libvirt and the driver know them.
func withSnapshots(c *connection) ([]lv.Domain, error) {
	domains, err := c.ListAllDomains(lv.CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
	if err != nil {
		return nil, err
	}
	if more, err := c.ListAllDomains(lv.CONNECT_LIST_DOMAINS_HAS_CHECKPOINT); err == nil {
		domains = append(domains, more...)
	}
	return domains, nil
}

// scanDomain reads one domain. What cannot be read is unknown, unless the
// domain is gone by now.
func (h *Host) scanDomain(ctx context.Context, domain *lv.Domain, s *scan, read func(*lv.Domain, string, *scan) error) error {
	return h.call(ctx, func(*connection) error {
		name, err := domain.GetName()
		if err == nil {
			err = read(domain, name, s)
		}
		if err != nil && !errors.Is(err, lv.ERR_NO_DOMAIN) {
			s.unknown("domain %s: %v", name, plain(err))
		}
		return nil
	})
}

// scanDefinitions reads what is defined and what runs.
func scanDefinitions(domain *lv.Domain, name string, s *scan) error {
	user := plan.User{Kind: "domain", Name: name}
	text, err := s.definition(domain)
	if err != nil {
		return err
	}
	s.names(user, text)
	if _, err := domain.GetID(); err != nil { // only a running domain has one
		return nil
	}
	if text, err = domain.GetXMLDesc(0); err == nil {
		s.names(user, text)
	}
	return err
}

func (s *scan) definition(domain *lv.Domain) (string, error) {
	uuid, err := domain.GetUUIDString()
	if err != nil {
		return "", err
	}
	if text, ok := s.texts[uuid]; ok {
		return text, nil
	}
	return domain.GetXMLDesc(lv.DOMAIN_XML_INACTIVE)
}

func scanSnapshots(domain *lv.Domain, name string, s *scan) error {
	uuid, err := domain.GetUUIDString()
	if err != nil {
		return err
	}
	snapshots, err := domain.ListAllSnapshots(0)
	if err != nil {
		return err
	}
	for i := range snapshots {
		text, err := snapshots[i].GetXMLDesc(0)
		_ = snapshots[i].Free() // fails only for a handle that is none
		if err != nil {
			return err
		}
		s.names(plan.User{Kind: "snapshot of", Name: name}, text)
	}
	s.counts(uuid, len(snapshots)+checkpoints(domain))
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
