package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pcloud-apply/drivers/virtinstall"
	"pcloud-apply/drivers/workdir"
	"pcloud-apply/plan"
)

// install has the distribution's own installer fill the disk, in a build VM.
func (i images) install(ctx context.Context, g plan.Generation, disk *os.File, step func(string)) error {
	tool, err := virtinstall.Find()
	if err != nil {
		return err
	}
	if err := disk.Truncate(g.Disk); err != nil {
		return fmt.Errorf("make the disk: %w", err)
	}
	config := i.installConfig(ctx, g)
	return i.inWork(func(work *workdir.Dir) error {
		if config.Location, err = i.installer(ctx, work, config.Location, step); err != nil {
			return err
		}
		folder, err := work.Open("install")
		if err != nil {
			return err
		}
		tool.Inherit = []*os.File{i.lock, disk, work.File}
		return tool.Install(ctx, config, folder, disk, within("install", step))
	})
}

func (i images) installConfig(ctx context.Context, g plan.Generation) virtinstall.Config {
	build := i.host.NewBuild(g)
	c := virtinstall.Config{
		URI: i.host.URI, Name: build.Name, UUID: build.UUID, Title: build.Title,
		Location: g.Install.Location, Kernel: g.Install.Kernel, Initrd: g.Install.Initrd, KernelArgs: g.Install.KernelArgs,
		Answers: virtinstall.Answers{Kind: string(g.Install.Answers.Kind), Content: g.Install.Answers.Content},
		Memory:  int64(g.Install.Memory), VCPUs: g.Install.VCPUs, Network: g.Install.Network,
		KVM: i.host.KVM(ctx) == "", Timeout: g.Install.Timeout,
	}
	if c.Network == "" {
		c.Network = i.network
	}
	return c
}

// installer fetches an ISO image, which QEMU has to read from a file that its
// user can reach. Everything else is fetched by the driver.
func (i images) installer(ctx context.Context, work *workdir.Dir, location string, step func(string)) (string, error) {
	if !strings.Contains(location, "://") || !strings.HasSuffix(location, ".iso") {
		return location, nil
	}
	step("download")
	path, err := i.downloads.Fetch(ctx, location, "", step)
	if err != nil {
		return "", err
	}
	folder, err := work.Open("image")
	if err != nil {
		return "", err
	}
	link := filepath.Join(folder, "installer.iso")
	return link, errors.Join(os.Link(path, link), os.Chmod(link, 0o644))
}
