package libvirt

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	lv "libvirt.org/go/libvirt"
	"libvirt.org/go/libvirtxml"

	"pcloud-apply/plan"
)

// Canary is a guest that shows that a golden image boots. It runs on an
// isolated network of its own, is transient, and ends with the connection.
type Canary struct {
	Generation plan.Generation
	Disk       string // names of files in the pool's folder
	Seed       string
	Console    string
}

const (
	canaryMemory  = 1 << 30
	canaryPoll    = 200 * time.Millisecond
	canaryTimeout = 10 * time.Minute // emulated, a distribution takes one and a half
)

// Boot starts the canary and waits until it has a lease, its guest agent
// answers, or its console asks for a login. The error has the end of what its
// console said. Nothing of it is left, whatever happens to this process; a
// network that a killed run left is removed by the next Boot or Sweep.
func (h *Host) Boot(ctx context.Context, c Canary) (err error) {
	network, err := h.newCanaryNetwork(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeNetwork(network)) }()
	text, err := h.newCanary(ctx, c).Marshal()
	if err != nil {
		return fmt.Errorf("write definition: %w", err)
	}
	domain, err := h.startTransient(ctx, text)
	if err != nil {
		return fmt.Errorf("start canary: %w", err)
	}
	defer func() { err = errors.Join(err, endTransient(domain)) }()
	return h.watch(ctx, c, domain, network)
}

func (h *Host) startTransient(ctx context.Context, text string) (domain *lv.Domain, err error) {
	err = h.call(ctx, func(c *connection) error {
		domain, err = c.DomainCreateXML(text, lv.DOMAIN_START_AUTODESTROY)
		return err
	})
	return domain, err
}

func endTransient(domain *lv.Domain) error {
	defer func() { _ = domain.Free() }() // fails only for a handle that is none
	err := domain.DestroyFlags(lv.DOMAIN_DESTROY_DEFAULT)
	if err == nil || errors.Is(err, lv.ERR_NO_DOMAIN) || errors.Is(err, lv.ERR_OPERATION_INVALID) && !isActive(domain) {
		return nil
	}
	return fmt.Errorf("end canary: %w", plain(err))
}

// canaryMAC is the same for all: each has a network of its own.
const canaryMAC = "02:70:63:6c:00:01"

// newCanary has the devices of a spawn, and no mark: it is none.
func (h *Host) newCanary(ctx context.Context, c Canary) *libvirtxml.Domain {
	name := h.canaryName(c.Generation.Hash)
	devices := h.devices(plan.Spawn{NICs: []plan.NIC{{Network: name, MAC: canaryMAC}}})
	devices.Disks = []libvirtxml.DomainDisk{h.disk(c.Disk, 0), h.seedDisk(c.Seed, 1)}
	devices.Consoles = nil // libvirt makes one of the serial port
	devices.Serials[0].Source = &libvirtxml.DomainChardevSource{File: &libvirtxml.DomainChardevSourceFile{Path: h.console(c)}}
	domain := machine(h.domainType(ctx), canaryMemory, 1, devices)
	domain.Name, domain.UUID, domain.Title = name, h.canaryUUID(c.Generation.Hash), "canary of golden image "+c.Generation.Name()
	return domain
}

func (h *Host) console(c Canary) string { return h.Folder + "/" + c.Console }

// watch looks for a sign of life until there is one, or no hope.
func (h *Host) watch(ctx context.Context, c Canary, domain *lv.Domain, network *lv.Network) error {
	ticker := time.NewTicker(canaryPoll)
	defer ticker.Stop()
	timeout := time.After(canaryTimeout)
	for {
		alive, err := h.signOfLife(ctx, c, domain, network)
		if err != nil || alive {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout:
			return fmt.Errorf("no lease, no guest agent and no login prompt within %s. %s", canaryTimeout, consoleTail(h.console(c)))
		case <-ticker.C:
		}
	}
}

func (h *Host) signOfLife(ctx context.Context, c Canary, domain *lv.Domain, network *lv.Network) (alive bool, err error) {
	err = h.call(ctx, func(*connection) error {
		text, err := domain.GetXMLDesc(0)
		if err != nil {
			return err
		}
		leases, err := network.GetDHCPLeases()
		alive = len(leases) > 0 || agentConnected(text) || asksForLogin(h.console(c))
		return err
	})
	if errors.Is(err, lv.ERR_NO_DOMAIN) {
		return false, fmt.Errorf("the guest stopped or crashed. %s", consoleTail(h.console(c)))
	}
	return alive, err
}

func agentConnected(text string) bool {
	var domain libvirtxml.Domain
	if err := domain.Unmarshal(text); err != nil || domain.Devices == nil {
		return false // the other signs are looked at
	}
	for _, channel := range domain.Devices.Channels {
		if channel.Target != nil && channel.Target.VirtIO != nil && channel.Target.VirtIO.State == "connected" {
			return true
		}
	}
	return false
}

func asksForLogin(console string) bool { return strings.Contains(tail(console), "login:") }
