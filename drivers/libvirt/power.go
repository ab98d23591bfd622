package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// shutdownPoll is how often a guest that was asked to shut down is looked at.
const shutdownPoll = 200 * time.Millisecond

// Start implements apply.Power.
func (h *Host) Start(ctx context.Context, s plan.Spawn) error {
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		err := domain.CreateWithFlags(0)
		if errors.Is(err, lv.ERR_OPERATION_INVALID) && isActive(domain) {
			return nil
		}
		return err
	})
}

// Stop implements apply.Power.
func (h *Host) Stop(ctx context.Context, s plan.Spawn) error {
	if err := h.shutdown(ctx, s); err != nil {
		return err
	}
	off, err := h.waitOff(ctx, s)
	switch {
	case err != nil || off:
		return err
	case s.Shutdown.Force:
		return h.Kill(ctx, s)
	}
	return fmt.Errorf("the guest did not shut down within %s, and shutdown.then is fail: it runs on", s.Shutdown.Timeout)
}

func (h *Host) shutdown(ctx context.Context, s plan.Spawn) error {
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		if err := domain.ShutdownFlags(lv.DOMAIN_SHUTDOWN_DEFAULT); err != nil && isActive(domain) {
			return fmt.Errorf("ask the guest to shut down: %w", err)
		}
		return nil
	})
}

// waitOff tells whether the spawn is off before its time runs out.
func (h *Host) waitOff(ctx context.Context, s plan.Spawn) (bool, error) {
	ticker := time.NewTicker(shutdownPoll)
	defer ticker.Stop()
	timeout := time.After(s.Shutdown.Timeout)
	for {
		active := true
		err := h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
			active = isActive(domain)
			return nil
		})
		if err != nil || !active {
			return !active, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-timeout:
			return false, nil
		case <-ticker.C:
		}
	}
}

// Kill implements apply.Power.
func (h *Host) Kill(ctx context.Context, s plan.Spawn) error {
	off, err := h.isOff(ctx, s)
	if err != nil || off {
		return err
	}
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		err := domain.DestroyFlags(lv.DOMAIN_DESTROY_DEFAULT)
		if errors.Is(err, lv.ERR_OPERATION_INVALID) && !isActive(domain) {
			return nil
		}
		return err
	})
}

// isOff is one call; most spawns that are destroyed were stopped before.
func (h *Host) isOff(ctx context.Context, s plan.Spawn) (off bool, err error) {
	err = h.call(ctx, func(c *connection) error {
		domain, err := c.LookupDomainByUUIDString(s.UUID)
		if err != nil {
			return fmt.Errorf("look up domain %s: %w", s.Domain, err)
		}
		_, running := domain.GetID() // only a running domain has one
		off = running != nil
		return domain.Free()
	})
	return off, err
}

// SetAutostart implements apply.Power.
func (h *Host) SetAutostart(ctx context.Context, s plan.Spawn, on bool) error {
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		return domain.SetAutostart(on)
	})
}

// isActive takes a domain that cannot be asked for active: whoever acts on it
// then gets the error itself.
func isActive(domain *lv.Domain) bool {
	active, err := domain.IsActive()
	return err != nil || active
}
