package pooldir

import (
	"context"
	"fmt"

	"pcloud-apply/drivers/nocloud"
	"pcloud-apply/plan"
)

// WriteSeed implements apply.Files. Only root and, from the first start on,
// QEMU read a seed: it may hold secrets.
func (f *Folder) WriteSeed(_ context.Context, s plan.Spawn) error {
	image, err := nocloud.Render(s.Seed, s.UUID)
	if err != nil {
		return err
	}
	if err := f.write(s.SeedFile(), image, 0o600); err != nil {
		return fmt.Errorf("write seed: %w", err)
	}
	return nil
}

// RemoveSeed implements apply.Files.
func (f *Folder) RemoveSeed(_ context.Context, s plan.Spawn) error {
	if err := f.remove(s.SeedFile()); err != nil {
		return fmt.Errorf("remove seed: %w", err)
	}
	return nil
}
