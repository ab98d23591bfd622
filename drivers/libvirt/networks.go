package libvirt

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	lv "libvirt.org/go/libvirt"
)

// CheckNetworks makes sure that the networks exist and are active. The error
// has the commands that mend it.
func (h *Host) CheckNetworks(ctx context.Context, names []string) error {
	var errs []error
	for _, name := range names {
		err := h.network(ctx, name, func(network *lv.Network) error {
			active, err := network.IsActive()
			if err == nil && !active {
				err = fmt.Errorf("network %s of %s is not active. To start it: virsh -c %s net-start %s", name, h.URI, h.URI, name)
			}
			return err
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (h *Host) network(ctx context.Context, name string, f func(*lv.Network) error) error {
	return h.call(ctx, func(c *connection) error {
		network, err := c.LookupNetworkByName(name)
		if errors.Is(err, lv.ERR_NO_NETWORK) {
			return &missingNetwork{h.URI, name, err}
		}
		if err != nil {
			return fmt.Errorf("look up network %s: %w", name, err)
		}
		defer func() { _ = network.Free() }() // fails only for a handle that is none
		return f(network)
	})
}

// missingNetwork says how to make the network that is not there.
type missingNetwork struct {
	uri, name string
	err       error
}

func (m *missingNetwork) Error() string {
	return fmt.Sprintf("%s has no network %s. To make libvirt's usual one:\n"+
		"  virsh -c %s net-define /usr/share/libvirt/networks/default.xml\n"+
		"  virsh -c %s net-start %s\n  virsh -c %s net-autostart %s", m.uri, m.name, m.uri, m.uri, m.name, m.uri, m.name)
}

func (m *missingNetwork) Unwrap() error { return m.err }

// Group is the group of the users that QEMU runs as, from the base label of
// libvirt's DAC security model. It is what a golden image must be readable by.
func (h *Host) Group(ctx context.Context) (int, error) {
	var text string
	err := h.call(ctx, func(c *connection) error {
		var err error
		text, err = c.GetCapabilities()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read capabilities: %w", err)
	}
	return dacGroup(text)
}

func dacGroup(capabilities string) (int, error) {
	var parsed struct {
		Models []struct {
			Model  string   `xml:"model"`
			Labels []string `xml:"baselabel"`
		} `xml:"host>secmodel"`
	}
	if err := xml.Unmarshal([]byte(capabilities), &parsed); err != nil {
		return 0, fmt.Errorf("parse capabilities: %w", err)
	}
	for _, model := range parsed.Models {
		if model.Model == "dac" && len(model.Labels) > 0 {
			_, group, _ := strings.Cut(model.Labels[0], ":") // +64055:+106
			return strconv.Atoi(strings.TrimPrefix(group, "+"))
		}
	}
	return 0, nil // no DAC model: QEMU runs as we do
}
