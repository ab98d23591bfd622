package libvirt

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"

	lv "libvirt.org/go/libvirt"
)

// canaryName is of a canary and of its network. With the dot missing it has no
// spawn's shape.
func (h *Host) canaryName(hash string) string { return "pcloud-canary-" + h.Inventory + "-" + hash }

func (h *Host) canaryUUID(hash string) string { return h.throwawayUUID("canary", hash) }

// throwawayUUID is derived from what makes a canary or a build ours, so that no
// other inventory's is ever taken for it (RFC 9562, version 8).
func (h *Host) throwawayUUID(kind, hash string) string {
	b := sha256.Sum256([]byte(strings.Join([]string{"pcloud-apply " + kind + " 1", h.Inventory, h.Origin, hash}, "\n")))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// canarySubnets are tried one after the other: libvirt refuses one that the
// machine has a route to. They are from the range for benchmarks (RFC 2544).
const canarySubnets = 256

// newCanaryNetwork makes the isolated, transient network of a canary.
func (h *Host) newCanaryNetwork(ctx context.Context, c Canary) (*lv.Network, error) {
	hash := c.Generation.Hash
	if err := h.beginCanary(ctx, hash); err != nil {
		return nil, err
	}
	first := sha256.Sum256([]byte(hash))[0]
	for i := range canarySubnets {
		network, err := h.startNetwork(ctx, h.canaryNetworkXML(hash, (int(first)+i)%canarySubnets))
		if err == nil {
			return network, nil
		}
		if !strings.Contains(err.Error(), "already in use") { // libvirt has no code for it
			return nil, fmt.Errorf("start isolated network: %w", err)
		}
	}
	return nil, errors.New("start isolated network: no free subnet in 198.18.0.0/16")
}

// beginCanary removes what a killed run left of the same canary, and keeps
// [Host.Sweep] off the new one.
func (h *Host) beginCanary(ctx context.Context, hash string) error {
	h.canariesMu.Lock()
	defer h.canariesMu.Unlock()
	h.canaries[hash] = true
	return h.removeCanary(ctx, hash)
}

func (h *Host) canaryNetworkXML(hash string, subnet int) string {
	address := fmt.Sprintf("198.18.%d.", subnet)
	return fmt.Sprintf("<network><name>%s</name><uuid>%s</uuid><ip address='%s1' netmask='255.255.255.0'>"+
		"<dhcp><range start='%s2' end='%s9'/></dhcp></ip></network>", h.canaryName(hash), h.canaryUUID(hash), address, address, address)
}

func (h *Host) startNetwork(ctx context.Context, text string) (network *lv.Network, err error) {
	err = h.call(ctx, func(c *connection) error {
		network, err = c.NetworkCreateXML(text)
		return err
	})
	return network, err
}

func removeNetwork(network *lv.Network) error {
	defer func() { _ = network.Free() }() // fails only for a handle that is none
	err := network.Destroy()
	if err == nil || errors.Is(err, lv.ERR_NO_NETWORK) || errors.Is(err, lv.ERR_OPERATION_INVALID) { // it has ended
		return nil
	}
	return fmt.Errorf("end isolated network: %w", plain(err))
}

// Sweep removes what canaries and builds of killed runs have left of this inventory.
func (h *Host) Sweep(ctx context.Context) error {
	h.canariesMu.Lock()
	defer h.canariesMu.Unlock()
	hashes, err := h.canaryNetworks(ctx)
	err = errors.Join(err, h.sweepBuilds(ctx))
	for _, hash := range hashes {
		if !h.canaries[hash] {
			err = errors.Join(err, h.removeCanary(ctx, hash))
		}
	}
	if err != nil {
		return fmt.Errorf("remove what a canary or a build left: %w", err)
	}
	return nil
}

// canaryNetworks are the generations whose canaries have a network of this
// inventory's name.
func (h *Host) canaryNetworks(ctx context.Context) (hashes []string, err error) {
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(h.canaryName("")) + "([0-9a-f]{12})$")
	err = h.call(ctx, func(c *connection) error {
		networks, err := c.ListAllNetworks(lv.CONNECT_LIST_NETWORKS_TRANSIENT)
		for i := range networks {
			name, nameErr := networks[i].GetName()
			if parts := pattern.FindStringSubmatch(name); parts != nil {
				hashes = append(hashes, parts[1])
			}
			err = errors.Join(err, nameErr, networks[i].Free())
		}
		return err
	})
	return hashes, err
}

// removeCanary ends a canary and its network, known by uuids that only ours
// have. The domain outlives its run only when libvirtd was restarted, too.
func (h *Host) removeCanary(ctx context.Context, hash string) error {
	return h.call(ctx, func(c *connection) error {
		if err := h.endThrowaway(c, "canary", hash); err != nil {
			return err
		}
		network, err := c.LookupNetworkByUUIDString(h.canaryUUID(hash))
		if errors.Is(err, lv.ERR_NO_NETWORK) {
			return nil
		}
		if err != nil {
			return err
		}
		return removeNetwork(network)
	})
}
