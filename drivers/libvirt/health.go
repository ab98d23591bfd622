package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/doctor"
)

// Health gathers what libvirt knows of the host's fitness: versions, security
// driver, accelerator, pool, the named networks, and free memory. It proves the
// accelerator, for which it needs a connection that is not read-only.
func (h *Host) Health(ctx context.Context, networks []string) (doctor.Facts, error) {
	facts := doctor.Facts{URI: h.URI, Accelerator: h.Accelerator, NoKVM: h.KVM(ctx)}
	err := h.call(ctx, func(c *connection) error {
		err := errors.Join(readVersions(c, &facts), readSecurity(c, &facts), readMemory(c, &facts))
		autostart, poolErr := c.pool.GetAutostart()
		facts.Pool = doctor.Pool{Name: h.Pool, Folder: h.Folder, Autostart: autostart}
		return errors.Join(err, poolErr)
	})
	for _, name := range networks {
		network, networkErr := h.networkHealth(ctx, name)
		facts.Networks = append(facts.Networks, network)
		err = errors.Join(err, networkErr)
	}
	return facts, err
}

func readVersions(c *connection, facts *doctor.Facts) error {
	library, err := c.GetLibVersion()
	if err != nil {
		return fmt.Errorf("read libvirt's version: %w", err)
	}
	hypervisor, err := c.GetVersion()
	if err != nil {
		return fmt.Errorf("read the hypervisor's version: %w", err)
	}
	kind, err := c.GetType()
	facts.Versions = fmt.Sprintf("libvirt %s, %s %s", dotted(library), kind, dotted(hypervisor))
	return err
}

// dotted writes libvirt's notation of versions, 1,000,000 × major + 1,000 × minor + release.
func dotted(version uint32) string {
	return fmt.Sprintf("%d.%d.%d", version/1_000_000, version/1000%1000, version%1000)
}

func readSecurity(c *connection, facts *doctor.Facts) error {
	text, err := c.GetCapabilities()
	if err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	var parsed struct {
		Models []string `xml:"host>secmodel>model"`
	}
	if err := xml.Unmarshal([]byte(text), &parsed); err != nil {
		return fmt.Errorf("parse capabilities: %w", err)
	}
	for _, model := range parsed.Models {
		if model != "dac" && model != "none" {
			facts.Security = model
		}
	}
	return nil
}

func readMemory(c *connection, facts *doctor.Facts) error {
	stats, err := c.GetMemoryStats(int(lv.NODE_MEMORY_STATS_ALL_CELLS), 0)
	if err != nil {
		return fmt.Errorf("read free memory: %w", err)
	}
	facts.MemoryFree = int64(stats.Free+stats.Buffers+stats.Cached) * 1024
	return nil
}

func (h *Host) networkHealth(ctx context.Context, name string) (doctor.Network, error) {
	found := doctor.Network{Name: name}
	err := h.network(ctx, name, func(n *lv.Network) (err error) {
		if found.Active, err = n.IsActive(); err != nil {
			return err
		}
		if found.Autostart, err = n.GetAutostart(); err != nil {
			return err
		}
		text, err := n.GetXMLDesc(0)
		if err != nil {
			return err
		}
		found.DHCP, err = hasDHCP(text)
		return err
	})
	if errors.Is(err, lv.ERR_NO_NETWORK) {
		found.Missing, err = true, nil
	}
	return found, err
}

func hasDHCP(text string) (bool, error) {
	var parsed struct {
		Ranges []struct{} `xml:"ip>dhcp>range"`
		Hosts  []struct{} `xml:"ip>dhcp>host"`
	}
	if err := xml.Unmarshal([]byte(text), &parsed); err != nil {
		return false, fmt.Errorf("parse network: %w", err)
	}
	return len(parsed.Ranges)+len(parsed.Hosts) > 0, nil
}
