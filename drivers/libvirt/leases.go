package libvirt

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// leasePoll is how often the leases of a network are read while anybody waits.
// libvirt has no event for a lease; one reading serves all who wait.
const leasePoll = 100 * time.Millisecond

// leaseMemory remembers when the leases of a network expire that were there
// before this run started its first spawn on it.
type leaseMemory struct {
	mu     sync.Mutex
	before map[string]map[string]time.Time // network → MAC → expiry
}

// Leases reads the DHCP leases of a network.
func (h *Host) Leases(ctx context.Context, network string) ([]lv.NetworkDHCPLease, error) {
	var leases []lv.NetworkDHCPLease
	err := h.network(ctx, network, func(n *lv.Network) error {
		var err error
		leases, err = n.GetDHCPLeases()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read leases of network %s: %w", network, err)
	}
	return leases, nil
}

// Addresses are the leased addresses of spawns, by uuid. It reads the leases of
// each network once.
func (h *Host) Addresses(ctx context.Context, spawns []plan.Spawn) (map[string][]string, error) {
	byMAC := map[string][]string{}
	read := map[string]bool{"": true} // a bridge has no leases
	addresses := map[string][]string{}
	for _, s := range spawns {
		for _, nic := range s.NICs {
			if !read[nic.Network] {
				read[nic.Network] = true
				if err := h.addLeases(ctx, nic.Network, byMAC); err != nil {
					return nil, err
				}
			}
			addresses[s.UUID] = append(addresses[s.UUID], byMAC[nic.Network+nic.MAC]...)
		}
	}
	return addresses, nil
}

func (h *Host) addLeases(ctx context.Context, network string, byMAC map[string][]string) error {
	leases, err := h.Leases(ctx, network)
	for _, lease := range leases {
		key := network + strings.ToLower(lease.Mac)
		byMAC[key] = append(byMAC[key], lease.IPaddr)
	}
	return err
}

// sharedLeases reads leases after a pause; who asks meanwhile gets the same reading.
func (h *Host) sharedLeases(ctx context.Context, network string) ([]lv.NetworkDHCPLease, error) {
	read := h.leaseQuery.DoChan(network, func() (any, error) {
		time.Sleep(leasePoll)
		return h.Leases(context.WithoutCancel(ctx), network) // one waiter's end is not the others'
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-read:
		leases, _ := result.Val.([]lv.NetworkDHCPLease)
		return leases, result.Err
	}
}

// Before implements apply.Addresses: a restarted guest's old lease is listed
// at once and must not count.
func (h *Host) Before(ctx context.Context, s plan.Spawn) error {
	if s.Wait.For != "ip" && s.Wait.For != "ssh" {
		return nil
	}
	h.leases.mu.Lock()
	defer h.leases.mu.Unlock()
	for _, nic := range s.NICs {
		if err := h.rememberLeases(ctx, nic.Network); err != nil {
			return err
		}
	}
	return nil
}

// rememberLeases reads the network's leases once: spawns that this run starts
// were off until then and could not renew theirs.
func (h *Host) rememberLeases(ctx context.Context, network string) error {
	if network == "" || h.leases.before[network] != nil {
		return nil
	}
	leases, err := h.Leases(ctx, network)
	if err != nil {
		return err
	}
	before := map[string]time.Time{}
	for _, lease := range leases {
		before[strings.ToLower(lease.Mac)] = lease.ExpiryTime
	}
	if h.leases.before == nil {
		h.leases.before = map[string]map[string]time.Time{}
	}
	h.leases.before[network] = before
	return nil
}

// Wait implements apply.Addresses.
func (h *Host) Wait(ctx context.Context, s plan.Spawn) (string, error) {
	limited, cancel := context.WithTimeout(ctx, s.Wait.Timeout)
	defer cancel()
	address, err := h.waitLease(limited, s)
	if err == nil && s.Wait.For == "ssh" {
		err = waitSSH(limited, address)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return "", h.explain(ctx, s, address)
	}
	return address, err
}

func (h *Host) waitLease(ctx context.Context, s plan.Spawn) (string, error) {
	for {
		for _, nic := range s.NICs {
			if nic.Network == "" {
				continue
			}
			leases, err := h.sharedLeases(ctx, nic.Network)
			if err != nil {
				return "", err
			}
			if address := h.fresh(leases, nic); address != "" {
				return address, nil
			}
		}
	}
}

// fresh is the card's address in a lease that is newer than the one of before.
// A lease for ever has no expiry and cannot be told from an old one.
func (h *Host) fresh(leases []lv.NetworkDHCPLease, nic plan.NIC) string {
	h.leases.mu.Lock()
	defer h.leases.mu.Unlock()
	before := h.leases.before[nic.Network][nic.MAC]
	for _, lease := range leases {
		forever := lease.ExpiryTime.Unix() == 0
		if strings.EqualFold(lease.Mac, nic.MAC) && (forever || lease.ExpiryTime.After(before)) {
			return lease.IPaddr
		}
	}
	return ""
}

// waitSSH waits for the banner of an SSH server; no login is needed.
func waitSSH(ctx context.Context, address string) error {
	for {
		if err := readBanner(ctx, address); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(leasePoll):
		}
	}
}

func readBanner(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address, "22"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing was written
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	banner := make([]byte, 4)
	if _, err := conn.Read(banner); err != nil || string(banner) != "SSH-" {
		return fmt.Errorf("no SSH banner from %s: %w", address, err)
	}
	return nil
}

// explain says what was seen when the wait ran out.
func (h *Host) explain(ctx context.Context, s plan.Spawn, address string) error {
	active := true
	err := h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		active = isActive(domain)
		return nil
	})
	switch {
	case err != nil:
		return err
	case !active:
		return fmt.Errorf("it is off again: its guest stopped or crashed within %s", s.Wait.Timeout)
	case address != "":
		return fmt.Errorf("it has the address %s, but no SSH server answered there within %s", address, s.Wait.Timeout)
	}
	return fmt.Errorf("no DHCP lease for %s within %s", macs(s), s.Wait.Timeout)
}

func macs(s plan.Spawn) string {
	var list []string
	for _, nic := range s.NICs {
		if nic.Network != "" {
			list = append(list, nic.MAC+" on network "+nic.Network)
		}
	}
	return strings.Join(list, " or ")
}
