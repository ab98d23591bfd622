package libvirt

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// Build is the domain that an unattended installation runs in: transient, and
// made by a tool.
type Build struct{ Name, UUID, Title string }

// NewBuild names a build domain of this inventory's, and keeps [Host.Sweep] off it.
func (h *Host) NewBuild(g plan.Generation) Build {
	h.canariesMu.Lock()
	defer h.canariesMu.Unlock()
	h.builds[g.Hash] = true
	return Build{h.buildName(g.Hash), h.throwawayUUID("build", g.Hash), "build of golden image " + g.Name()}
}

// buildName has no spawn's shape, as canaryName.
func (h *Host) buildName(hash string) string { return "pcloud-build-" + h.Inventory + "-" + hash }

// sweepBuilds ends build domains whose guard was killed along with their run.
func (h *Host) sweepBuilds(ctx context.Context) error {
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(h.buildName("")) + "([0-9a-f]{12})$")
	return h.call(ctx, func(c *connection) error {
		domains, err := c.ListAllDomains(lv.CONNECT_LIST_DOMAINS_TRANSIENT)
		for i := range domains {
			name, nameErr := domains[i].GetName()
			err = errors.Join(err, nameErr, domains[i].Free())
			if parts := pattern.FindStringSubmatch(name); parts != nil && !h.builds[parts[1]] {
				err = errors.Join(err, h.endThrowaway(c, "build", parts[1]))
			}
		}
		if err != nil {
			return fmt.Errorf("end build domains: %w", err)
		}
		return nil
	})
}

// endThrowaway ends a transient domain, known by a UUID that only ours has.
func (h *Host) endThrowaway(c *connection, kind, hash string) error {
	domain, err := c.LookupDomainByUUIDString(h.throwawayUUID(kind, hash))
	if err == nil {
		err = endTransient(domain)
	}
	if errors.Is(err, lv.ERR_NO_DOMAIN) {
		return nil
	}
	return err
}
