package libvirt

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"golang.org/x/sync/errgroup"
	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// Found is what an inspection saw.
type Found struct {
	Spawns  []plan.Spawn
	Foreign map[plan.DomainKey]string // every other domain; what is known of it

	texts map[string]string // definitions that were read, by uuid
}

// spawnShape is the shape of a spawn's domain name, <image>.<spawn>.
var spawnShape = regexp.MustCompile(`^[a-z0-9-]+\.[a-z0-9-]+$`)

// Inspect reads the inventory's spawns. It costs two lists and one definition
// for each domain whose name has the shape of a spawn's, or for each domain at
// all when all is set: a renamed spawn is still known by its mark.
func (h *Host) Inspect(ctx context.Context, all bool) (Found, error) {
	found := Found{Foreign: map[plan.DomainKey]string{}, texts: map[string]string{}}
	domains, autostart, err := h.list(ctx)
	if err != nil {
		return found, err
	}
	defer free(domains)
	var readers errgroup.Group
	readers.SetLimit(callsInFlight)
	var mu sync.Mutex
	for i := range domains {
		readers.Go(func() error {
			seen, err := h.inspectDomain(ctx, &domains[i], all)
			mu.Lock()
			defer mu.Unlock()
			found.add(h.Name, seen, autostart)
			return err
		})
	}
	return found, readers.Wait()
}

// list gives all domains and the uuids of those that start with the host.
func (h *Host) list(ctx context.Context) ([]lv.Domain, map[string]bool, error) {
	var domains []lv.Domain
	autostart := map[string]bool{}
	err := h.call(ctx, func(c *connection) error {
		var err error
		if domains, err = c.ListAllDomains(0); err != nil {
			return err
		}
		starting, err := c.ListAllDomains(lv.CONNECT_LIST_DOMAINS_AUTOSTART)
		defer free(starting)
		for i := range starting {
			uuid, err := starting[i].GetUUIDString()
			if err != nil {
				return err
			}
			autostart[uuid] = true
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list domains of %s: %w", h.URI, err)
	}
	return domains, autostart, nil
}

// free releases references; libvirt fails it only for handles that are none.
func free(domains []lv.Domain) {
	for i := range domains {
		_ = domains[i].Free()
	}
}

// seen is what was seen of one domain.
type seen struct {
	spawn plan.Spawn // of a foreign domain, only its domain name; zero when it is gone by now
	what  string     // is known of a foreign domain
	text  string     // its definition, if it was read
	uuid  string
}

// add files a domain under spawns or foreign.
func (f *Found) add(host string, d seen, autostart map[string]bool) {
	if d.text != "" {
		f.texts[d.uuid] = d.text
	}
	switch {
	case d.spawn.Name != "":
		d.spawn.Autostart = autostart[d.uuid]
		f.Spawns = append(f.Spawns, d.spawn)
	case d.spawn.Domain != "":
		f.Foreign[plan.DomainKey{Host: host, Name: d.spawn.Domain}] = d.what
	}
}

func (h *Host) inspectDomain(ctx context.Context, domain *lv.Domain, all bool) (d seen, err error) {
	name, err := domain.GetName()
	if err != nil {
		return d, fmt.Errorf("read a domain's name: %w", err)
	}
	d.spawn.Domain = name
	if !all && !spawnShape.MatchString(name) {
		return d, nil
	}
	if d.text, err = h.read(ctx, domain, lv.DOMAIN_XML_INACTIVE); errors.Is(err, lv.ERR_NO_DOMAIN) {
		return seen{}, nil
	}
	if err == nil {
		err = h.recognise(ctx, domain, &d)
	}
	if err != nil {
		return d, fmt.Errorf("domain %s: %w", name, err)
	}
	return d, nil
}

// recognise tells a spawn from a foreign domain by its definition.
func (h *Host) recognise(ctx context.Context, domain *lv.Domain, found *seen) error {
	d, err := parseDefinition(found.text)
	if err != nil {
		return err
	}
	found.uuid = d.UUID
	m, ok := d.mark(h.Inventory)
	if !ok {
		found.what = d.strangeness()
		return d.refuseNewer(h.Inventory)
	}
	found.spawn = d.spawn(h, m)
	found.spawn.Power = plan.Stopped
	if id, err := domain.GetID(); err == nil { // only a running domain has one
		found.spawn.Power = plan.Running
		found.spawn.Pending, err = h.pending(ctx, domain, found.spawn, m.Waiting == int(id))
		return err
	}
	return nil
}

func (h *Host) read(ctx context.Context, domain *lv.Domain, flags lv.DomainXMLFlags) (text string, err error) {
	err = h.call(ctx, func(*connection) error {
		text, err = domain.GetXMLDesc(flags)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read definition: %w", err)
	}
	return text, nil
}

// strangeness says why a foreign domain looks like a spawn.
func (d definition) strangeness() string {
	if len(d.Metadata.Marks) == 0 {
		return ""
	}
	m := d.Metadata.Marks[0]
	if m.UUID != d.UUID {
		return fmt.Sprintf(" (it carries a copy of the mark of spawn %s: a clone of it?)", m.Name)
	}
	return fmt.Sprintf(" (it is spawn %s of inventory %s)", m.Name, m.Inventory)
}

func (d definition) refuseNewer(inventory string) error {
	if d.newerMark(inventory) {
		return errors.New("it was made by a newer pcloud-apply for this inventory: use that version")
	}
	return nil
}

// pending compares the running domain with its definition, but only when it
// was redefined while it ran: otherwise they are equal.
func (h *Host) pending(ctx context.Context, domain *lv.Domain, s plan.Spawn, waiting bool) ([]plan.Change, error) {
	if !waiting {
		return nil, nil
	}
	text, err := h.read(ctx, domain, 0)
	if err != nil {
		return nil, err
	}
	live, err := parseDefinition(text)
	if err != nil {
		return nil, err
	}
	running := s
	running.VCPUs, running.Memory = live.VCPU, live.Memory.bytes()
	return plan.RestartChanges(s, running), nil
}
