package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/semaphore"

	"pcloud-apply/apply"
	"pcloud-apply/drivers/download"
	"pcloud-apply/drivers/pooldir"
	"pcloud-apply/drivers/workdir"
	"pcloud-apply/plan"
)

// builder has what the golden images of all hosts are made with.
type builder struct {
	downloads download.Cache
	work      workdir.Folder
	lock      *os.File            // of the run; children keep it
	memory    *semaphore.Weighted // bytes that guests of builds may have at once

	memorySize int64 // of the semaphore
}

func (s *session) newBuilder() *builder {
	size := max(availableMemory(), buildMemory)
	return &builder{
		downloads: download.NewCache(filepath.Join(s.files.folder, "downloads")),
		work:      workdir.Folder{Path: filepath.Join(s.files.folder, "work"), Inventory: s.inventory.Name},
		lock:      s.lock,
		memory:    semaphore.NewWeighted(size), memorySize: size,
	}
}

// images makes golden images on one host as apply wants them.
type images struct {
	*pooldir.Folder
	host *host
	*builder
	network string // of the build VM when an image names none
}

// buildMemory is for the guest of one build: the appliance that prepares an
// image, or the canary. They run one after the other.
const buildMemory = 3 << 29

// guestMemory is the most that a guest of the build has, in bytes; one that
// needs more than there is runs alone.
func (b *builder) guestMemory(g plan.Generation) int64 {
	switch {
	case g.Install != nil:
		return min(max(int64(g.Install.Memory), buildMemory), b.memorySize)
	case g.Canary || g.Prepare != nil:
		return buildMemory
	}
	return 0
}

// Publish implements apply.Images.
func (i images) Publish(ctx context.Context, g plan.Generation, step func(string)) error {
	if err := findTools(g); err != nil {
		return err // now, and not after an hour of installing
	}
	if g.Source.URL != "" {
		step("download")
		path, err := i.downloads.Fetch(ctx, g.Source.URL, g.Source.Content, step)
		if err != nil {
			return err
		}
		g.Source.Path = path
	}
	memory := i.guestMemory(g)
	if err := i.memory.Acquire(ctx, memory); err != nil {
		return err
	}
	defer i.memory.Release(memory)
	return i.Folder.Publish(ctx, g, i.making(g), step)
}

func (i images) making(g plan.Generation) pooldir.Making {
	var making pooldir.Making
	if g.Bootstrap != nil {
		making.Build = func(ctx context.Context, disk *os.File, step func(string)) error {
			return failed("bootstrap", i.bootstrap(ctx, g, disk, step))
		}
	}
	if g.Install != nil {
		making.Build = func(ctx context.Context, disk *os.File, step func(string)) error {
			return failed("install", i.install(ctx, g, disk, step))
		}
	}
	if g.Prepare != nil {
		making.Prepare = func(ctx context.Context, image *os.File, step func(string)) error {
			return i.prepare(ctx, *g.Prepare, image, step)
		}
	}
	return making
}

// Check implements apply.Images.
func (i images) Check(ctx context.Context, g plan.Generation) (apply.Golden, error) {
	golden, err := i.Folder.Check(ctx, g)
	return apply.Golden(golden), err
}

// Sweep implements apply.Builds.
func (i images) Sweep(ctx context.Context) error {
	if err := errors.Join(i.host.Sweep(ctx), i.work.Sweep()); err != nil {
		return fmt.Errorf("remove what a killed build left: %w", err)
	}
	return nil
}
