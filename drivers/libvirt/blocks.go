package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// pullPoll is how often a pull is looked at; each look is a call to QEMU.
const pullPoll = 100 * time.Millisecond

// Running implements apply.Blocks.
func (h *Host) Running(ctx context.Context, s plan.Spawn) (running bool, err error) {
	err = h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		running, err = domain.IsActive()
		return err
	})
	return running, err
}

// Resize implements apply.Blocks.
func (h *Host) Resize(ctx context.Context, s plan.Spawn, volume string, size int64) error {
	return h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		return domain.BlockResize(h.Folder+"/"+volume, uint64(size), lv.DOMAIN_BLOCK_RESIZE_BYTES)
	})
}

// Pull implements apply.Blocks.
func (h *Host) Pull(ctx context.Context, s plan.Spawn, tell func(string)) error {
	err := h.owned(ctx, s, func(_ *connection, domain *lv.Domain, _ mark) error {
		if info, err := domain.GetBlockJobInfo(rootTarget, 0); err != nil || info.Type == lv.DOMAIN_BLOCK_JOB_TYPE_PULL {
			return err // one that runs already is adopted
		}
		return domain.BlockPull(rootTarget, 0, 0)
	})
	if err != nil {
		return fmt.Errorf("start block pull: %w", err)
	}
	return h.waitPull(ctx, s, tell)
}

func (h *Host) waitPull(ctx context.Context, s plan.Spawn, tell func(string)) error {
	ticker := time.NewTicker(pullPoll)
	defer ticker.Stop()
	const everyPercent = 5
	told := -everyPercent
	for {
		percent, err := h.pullProgress(ctx, s)
		if err != nil || percent < 0 {
			return err
		}
		if percent >= told+everyPercent {
			told = percent
			tell(fmt.Sprintf("consolidate %d %%", percent))
		}
		select {
		case <-ctx.Done():
			return errors.New("the pull goes on by itself; the next apply waits for it")
		case <-ticker.C:
		}
	}
}

// pullProgress is how much is done, or -1 when no pull runs.
func (h *Host) pullProgress(ctx context.Context, s plan.Spawn) (percent int, err error) {
	percent = -1
	err = h.owned(context.WithoutCancel(ctx), s, func(_ *connection, domain *lv.Domain, _ mark) error {
		info, err := domain.GetBlockJobInfo(rootTarget, 0)
		if err != nil {
			return fmt.Errorf("look at the block pull: %w", err)
		}
		if info.Type == lv.DOMAIN_BLOCK_JOB_TYPE_PULL {
			percent = int(100 * info.Cur / max(info.End, 1))
		}
		return nil
	})
	return percent, err
}
