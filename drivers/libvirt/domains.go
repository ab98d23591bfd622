package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// Define implements apply.Domains.
func (h *Host) Define(ctx context.Context, s plan.Spawn) (string, error) {
	s.UUID = newUUID()
	s.Accel = h.domainType(ctx)
	domain, err := h.newDomain(s)
	if err != nil {
		return "", err
	}
	text, err := domain.Marshal()
	if err != nil {
		return "", fmt.Errorf("write definition: %w", err)
	}
	return s.UUID, h.call(ctx, func(c *connection) error { return defineXML(c, text) })
}

func defineXML(c *connection, text string) error {
	domain, err := c.DomainDefineXMLFlags(text, 0)
	if err != nil {
		return fmt.Errorf("define domain: %w", err)
	}
	return domain.Free()
}

// Mark implements apply.Domains. The mark goes to the definition, and to the
// running domain when there is one, so that it survives an undefine.
func (h *Host) Mark(ctx context.Context, s plan.Spawn, phase plan.Phase) error {
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, old mark) error {
		m := h.newMark(s, phase)
		m.Waiting = old.Waiting
		return setMark(domain, m, lv.DOMAIN_AFFECT_LIVE|lv.DOMAIN_AFFECT_CONFIG)
	})
}

// setMark writes the mark to the definition, to the running domain, or both;
// a domain that is off has no running one.
func setMark(domain *lv.Domain, m mark, flags lv.DomainModificationImpact) error {
	if _, err := domain.GetID(); err != nil { // only a running domain has one
		flags &^= lv.DOMAIN_AFFECT_LIVE
	}
	text, err := m.element()
	if err != nil || flags == 0 {
		return err
	}
	if err := domain.SetMetadata(lv.DOMAIN_METADATA_ELEMENT, text, prefix, namespace, flags); err != nil {
		return fmt.Errorf("set metadata: %w", err)
	}
	return nil
}

// Undefine implements apply.Domains. Snapshots make it fail: they are not ours
// to lose.
func (h *Host) Undefine(ctx context.Context, s plan.Spawn) error {
	err := h.owned(ctx, s, func(_ *connection, domain *lv.Domain, m mark) error {
		if m.Phase != plan.Deleting {
			return fmt.Errorf("domain %s is not marked as deleting", s.Domain)
		}
		return domain.UndefineFlags(lv.DOMAIN_UNDEFINE_MANAGED_SAVE | lv.DOMAIN_UNDEFINE_NVRAM)
	})
	if errors.Is(err, lv.ERR_NO_DOMAIN) {
		return nil
	}
	return err
}

// owned looks the domain up by its uuid, makes sure that it is the spawn's own,
// and runs f on it.
func (h *Host) owned(ctx context.Context, s plan.Spawn, f func(*connection, *lv.Domain, mark) error) error {
	return h.call(ctx, func(c *connection) error {
		domain, err := c.LookupDomainByUUIDString(s.UUID)
		if err != nil {
			return fmt.Errorf("look up domain %s: %w", s.Domain, err)
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		m, err := readMark(domain)
		if err != nil {
			return fmt.Errorf("read the mark of domain %s: %w", s.Domain, err)
		}
		if !m.owned(h.Inventory, s.UUID) || m.Name != s.Name {
			return fmt.Errorf("domain %s no longer carries the mark of spawn %s: it is left alone", s.Domain, s.Name)
		}
		return f(c, domain, m)
	})
}

// readMark reads the mark alone, which is much less than the whole definition.
// Without one it gives the mark of nobody.
func readMark(domain *lv.Domain) (m mark, err error) {
	text, err := domain.GetMetadata(lv.DOMAIN_METADATA_ELEMENT, namespace, lv.DOMAIN_AFFECT_CONFIG)
	if errors.Is(err, lv.ERR_NO_DOMAIN_METADATA) {
		return m, nil
	}
	if err == nil {
		err = xml.Unmarshal([]byte(text), &m)
	}
	return m, err
}
