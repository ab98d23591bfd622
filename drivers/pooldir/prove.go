package pooldir

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"pcloud-apply/drivers/nocloud"
	"pcloud-apply/plan"
)

// Canary is a guest that shows that a golden image boots. Its files are in the
// pool's folder and are removed when it is over.
type Canary struct {
	Generation plan.Generation
	Disk       string // name of an overlay of the image
	Seed       string // name
	Console    string // name; what the guest writes to its serial console goes there
}

// prove boots the finished image in a throw-away overlay. QEMU opens the image
// itself for reading only; libvirt may have changed its owner.
func (p *publishing) prove(ctx context.Context) (err error) {
	var files [3]*temp
	for i := range files {
		if files[i], err = p.newTemp(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, files[i].discard()) }()
	}
	disk, seed, console := files[0], files[1], files[2]
	if err := p.overlay(ctx, disk); err != nil {
		return err
	}
	if err := p.canarySeed(seed); err != nil {
		return err
	}
	canary := Canary{p.generation, filepath.Base(disk.Name()), filepath.Base(seed.Name()), filepath.Base(console.Name())}
	return errors.Join(p.Boot(ctx, canary), p.temp.settle(sealedMode, p.group))
}

func (p *publishing) overlay(ctx context.Context, disk *temp) error {
	tool := p.QEMUImg
	tool.Inherit = append(tool.Inherit[:len(tool.Inherit):len(tool.Inherit)], disk.File)
	return tool.Overlay(ctx, p.temp.Name(), disk.Name())
}

// canarySeed keeps cloud-init from looking for a cloud for minutes. Nobody can log in.
func (p *publishing) canarySeed(seed *temp) error {
	image, err := nocloud.Render(plan.Seed{Hostname: "canary"}, "canary-"+p.generation.Hash)
	if err == nil {
		_, err = seed.Write(image)
	}
	if err != nil {
		return fmt.Errorf("write seed: %w", err)
	}
	return nil
}
