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
}

// spawnShape is the shape of a spawn's domain name, <image>.<spawn>.
var spawnShape = regexp.MustCompile(`^[a-z0-9-]+\.[a-z0-9-]+$`)

// Inspect reads the inventory's spawns. It costs two lists and one definition
// for each domain whose name has the shape of a spawn's, or for each domain at
// all when all is set: a renamed spawn is still known by its mark.
func (h *Host) Inspect(ctx context.Context, all bool) (Found, error) {
	found := Found{Foreign: map[plan.DomainKey]string{}}
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
			spawn, what, err := h.inspectDomain(ctx, &domains[i], all)
			mu.Lock()
			defer mu.Unlock()
			found.add(h.Name, spawn, what, autostart)
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

// add files a domain under spawns or foreign. The zero name stands for a
// domain that is gone by now.
func (f *Found) add(host string, s plan.Spawn, what string, autostart map[string]bool) {
	switch {
	case s.Name != "":
		s.Autostart = autostart[s.UUID]
		f.Spawns = append(f.Spawns, s)
	case s.Domain != "":
		f.Foreign[plan.DomainKey{Host: host, Name: s.Domain}] = what
	}
}

// inspectDomain reads one domain. A foreign one is returned with nothing but
// its domain name, and with what is known of it.
func (h *Host) inspectDomain(ctx context.Context, domain *lv.Domain, all bool) (plan.Spawn, string, error) {
	name, err := domain.GetName()
	if err != nil {
		return plan.Spawn{}, "", fmt.Errorf("read a domain's name: %w", err)
	}
	foreign := plan.Spawn{Domain: name}
	if !all && !spawnShape.MatchString(name) {
		return foreign, "", nil
	}
	d, err := h.read(ctx, domain, lv.DOMAIN_XML_INACTIVE)
	if errors.Is(err, lv.ERR_NO_DOMAIN) {
		return plan.Spawn{}, "", nil
	}
	if err != nil {
		return foreign, "", fmt.Errorf("domain %s: %w", name, err)
	}
	m, ok := d.mark(h.Inventory)
	if !ok {
		return foreign, d.strangeness(), d.refuseNewer(h.Inventory)
	}
	s := d.spawn(h, m)
	s.Power = plan.Stopped
	if id, err := domain.GetID(); err == nil { // only a running domain has one
		s.Power = plan.Running
		s.Pending, err = h.pending(ctx, domain, s, m.Waiting == int(id))
		return s, "", err
	}
	return s, "", nil
}

func (h *Host) read(ctx context.Context, domain *lv.Domain, flags lv.DomainXMLFlags) (definition, error) {
	var text string
	err := h.call(ctx, func(*connection) error {
		var err error
		text, err = domain.GetXMLDesc(flags)
		return err
	})
	if err != nil {
		return definition{}, fmt.Errorf("read definition: %w", err)
	}
	return parseDefinition(text)
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
		return fmt.Errorf("domain %s was made by a newer pcloud-apply for this inventory: use that version", d.Name)
	}
	return nil
}

// pending compares the running domain with its definition, but only when it
// was redefined while it ran: otherwise they are equal.
func (h *Host) pending(ctx context.Context, domain *lv.Domain, s plan.Spawn, waiting bool) ([]plan.Change, error) {
	if !waiting {
		return nil, nil
	}
	live, err := h.read(ctx, domain, 0)
	if err != nil {
		return nil, fmt.Errorf("domain %s: %w", s.Domain, err)
	}
	running := s
	running.VCPUs, running.Memory = live.VCPU, live.Memory.bytes()
	return plan.RestartChanges(s, running), nil
}
