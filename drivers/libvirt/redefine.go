package libvirt

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/beevik/etree"
	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// Redefine implements apply.Domains. It edits the definition that is there, in
// place and only where a change says so: what others put into it stays.
func (h *Host) Redefine(ctx context.Context, s plan.Spawn, changes []plan.Change) error {
	return h.owned(ctx, s, func(c *connection, domain *lv.Domain, m mark) error {
		waits := edit(&m, s, changes)
		if id, err := domain.GetID(); err == nil && waits { // only a running domain has one
			m.Waiting = int(id)
		}
		// SECURE, or the passwords in it would be dropped.
		text, err := domain.GetXMLDesc(lv.DOMAIN_XML_INACTIVE | lv.DOMAIN_XML_SECURE)
		if err != nil {
			return fmt.Errorf("read definition: %w", err)
		}
		if text, err = edited(text, s, changes, m); err != nil {
			return err
		}
		if err := defineXML(c, text); err != nil {
			return err
		}
		return setMark(domain, m, lv.DOMAIN_AFFECT_LIVE)
	})
}

// edit makes the changes in the mark and tells whether a running domain will
// show them only after a restart.
func edit(m *mark, s plan.Spawn, changes []plan.Change) (waits bool) {
	m.Image.Generation, m.Image.Fingerprint = s.Generation, s.Fingerprint
	for _, change := range changes {
		switch change.Field {
		case plan.ProtectField:
			m.Protect = s.Protect
		case plan.OriginField:
			m.Origin = change.To
		case plan.SeedField:
			m.Seed.Hash = s.Seed.Hash()
		case plan.VCPUsField, plan.MemoryField:
			waits = true
		}
	}
	return waits
}

// edited is the definition with the changes and the mark in it: one definition,
// so that nothing can come between them.
func edited(text string, s plan.Spawn, changes []plan.Change, m mark) (string, error) {
	document := etree.NewDocument()
	if err := document.ReadFromString(text); err != nil {
		return "", fmt.Errorf("parse definition: %w", err)
	}
	if err := replaceMark(document, m); err != nil {
		return "", err
	}
	for _, change := range changes {
		var err error
		switch change.Field {
		case plan.VCPUsField:
			err = setVCPUs(document, s.VCPUs)
		case plan.MemoryField:
			err = setMemory(document, s.Memory)
		}
		if err != nil {
			return "", err
		}
	}
	return document.WriteToString()
}

func replaceMark(document *etree.Document, m mark) error {
	text, err := m.qualified()
	if err != nil {
		return err
	}
	element := etree.NewDocument()
	if err := element.ReadFromString(text); err != nil {
		return fmt.Errorf("parse mark: %w", err)
	}
	metadata := document.FindElement("/domain/metadata")
	if metadata == nil {
		return errors.New("the definition has no mark any more")
	}
	for _, child := range metadata.ChildElements() {
		if child.NamespaceURI() == namespace {
			metadata.InsertChildAt(child.Index(), element.Root())
			metadata.RemoveChild(child)
			return nil
		}
	}
	return errors.New("the definition has no mark any more")
}

// setVCPUs drops the attribute current: all of them are there from the start.
func setVCPUs(document *etree.Document, count int) error {
	element := document.FindElement("/domain/vcpu")
	if element == nil {
		return fmt.Errorf("the definition has no vcpu element")
	}
	element.RemoveAttr("current")
	element.SetText(strconv.Itoa(count))
	return nil
}

func setMemory(document *etree.Document, bytes int64) error {
	for _, name := range []string{"memory", "currentMemory"} {
		element := document.FindElement("/domain/" + name)
		if element == nil {
			return fmt.Errorf("the definition has no %s element", name)
		}
		element.CreateAttr("unit", "KiB")
		element.SetText(strconv.FormatInt(bytes/1024, 10))
	}
	return nil
}
