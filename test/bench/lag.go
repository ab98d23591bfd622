package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	lv "libvirt.org/go/libvirt"
)

// lag measures how long after its lease an address is told. The reference
// watches the leases as closely as it can.
func (b *bench) lag() (err error) {
	c, err := lv.NewConnect(b.lab.URI())
	if err != nil {
		return err
	}
	defer func() {
		_, closeErr := c.Close()
		err = errors.Join(err, closeErr)
	}()
	for range 4 {
		if err := b.lags.add(b.oneLag(c)); err != nil {
			return fmt.Errorf("detection lag: %w", err)
		}
	}
	fmt.Printf("%-44s %10s  (goal 150ms)\n", "from the lease to the told address", round(b.lags.median()))
	return nil
}

func (b *bench) oneLag(c *lv.Connect) (time.Duration, error) {
	if _, err := b.applied(group(0, "")); err != nil {
		return 0, err
	}
	if err := b.inventory(group(1, ", wait: {for: ip, timeout: 2m}")); err != nil {
		return 0, err
	}
	known, err := leases(c)
	if err != nil {
		return 0, err
	}
	cmd := b.lab.Enter(b.program, "apply", "-f", b.file())
	cmd.Env = []string{"PATH=/usr/bin:/bin", "XDG_CACHE_HOME=" + b.dir}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	told := make(chan time.Time, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "spawn vm-1") {
				told <- time.Now()
			}
		}
		close(told)
	}()
	there, err := newLease(c, known)
	at, ok := <-told
	err = errors.Join(err, cmd.Wait())
	if !ok {
		err = errors.Join(err, errors.New("no address was told"))
	}
	return at.Sub(there), err
}

// leases are the expiries by address.
func leases(c *lv.Connect) (map[string]time.Time, error) {
	network, err := c.LookupNetworkByName("default")
	if err != nil {
		return nil, err
	}
	defer func() { _ = network.Free() }() // fails only for a handle that is none
	list, err := network.GetDHCPLeases()
	expiries := map[string]time.Time{}
	for _, lease := range list {
		expiries[lease.IPaddr] = lease.ExpiryTime
	}
	return expiries, err
}

// newLease polls until there is a lease that is not known, and says when.
func newLease(c *lv.Connect, known map[string]time.Time) (time.Time, error) {
	network, err := c.LookupNetworkByName("default")
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = network.Free() }() // fails only for a handle that is none
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; time.Sleep(2 * time.Millisecond) {
		list, err := network.GetDHCPLeases()
		if err != nil {
			return time.Time{}, err
		}
		if anyNew(list, known) {
			return time.Now(), nil
		}
	}
	return time.Time{}, errors.New("no lease within two minutes")
}

func anyNew(list []lv.NetworkDHCPLease, known map[string]time.Time) bool {
	for _, lease := range list {
		if lease.ExpiryTime.After(known[lease.IPaddr]) {
			return true
		}
	}
	return false
}
