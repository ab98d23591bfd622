package pooldir

import (
	"context"
	"fmt"
	"regexp"

	"pcloud-apply/drivers/nocloud"
	"pcloud-apply/plan"
)

var seedName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*\.[a-z0-9][a-z0-9-]*\.seed\.iso$`)

// seedFile is the name of the spawn's seed. What a domain says of itself may
// be forged, and lead out of the folder.
func seedFile(s plan.Spawn) (string, error) {
	name := s.SeedFile()
	if !seedName.MatchString(name) {
		return "", fmt.Errorf("%q is no seed's name", name)
	}
	return name, nil
}

// WriteSeed implements apply.Files: it makes or replaces the seed. Only root
// and, from the first start on, QEMU read it: it may hold secrets.
func (f *Folder) WriteSeed(ctx context.Context, s plan.Spawn) error {
	name, err := seedFile(s)
	if err != nil {
		return err
	}
	image, err := nocloud.Render(s.Seed, s.UUID)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = f.write(name, image, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write seed: %w", err)
	}
	return nil
}

// RemoveSeed implements apply.Files. A seed that is gone is no error.
func (f *Folder) RemoveSeed(ctx context.Context, s plan.Spawn) error {
	name, err := seedFile(s)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = f.remove(name)
	}
	if err != nil {
		return fmt.Errorf("remove seed: %w", err)
	}
	return nil
}
