package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pcloud-apply/drivers/guestfs"
	"pcloud-apply/drivers/mmdebstrap"
	"pcloud-apply/drivers/workdir"
	"pcloud-apply/inventory"
	"pcloud-apply/plan"
)

// inWork has a tool do its work in a folder that is gone afterwards.
func (i images) inWork(f func(*workdir.Dir) error) (err error) {
	work, err := i.work.New()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Close()) }()
	return f(work)
}

func (i images) bootstrap(ctx context.Context, g plan.Generation, disk *os.File, step func(string)) error {
	tool, err := mmdebstrap.Find()
	if err != nil {
		return err
	}
	b := g.Bootstrap
	config := mmdebstrap.Config{
		Suite: b.Suite, Mirror: b.Mirror, Components: b.Components, Packages: b.Packages, Disk: g.Disk,
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	return i.inWork(func(work *workdir.Dir) error {
		if config.Keyring, err = keyring(work, b.Keyring); err != nil {
			return err
		}
		tree, err := work.Sub("bootstrap")
		if err != nil {
			return err
		}
		tool.Inherit = []*os.File{i.lock, disk, work.File}
		return tool.Build(ctx, config, tree, disk, within("bootstrap", step))
	})
}

// toolTime is for a bootstrap, or for the commands of a preparation: a mirror
// that stalls or a question that nobody answers must not hold the lock for ever.
const toolTime = time.Hour

func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, toolTime, fmt.Errorf("no end within %s: %w", toolTime, context.DeadlineExceeded))
}

func failed(stage string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", stage, err)
}

// within tells the steps of a tool as those of a stage.
func within(stage string, step func(string)) func(string) {
	return func(s string) { step(stage + ": " + s) }
}

// keyring writes what was read when the inventory was loaded, and hashed: the
// file itself may have changed since.
func keyring(work *workdir.Dir, file inventory.File) (string, error) {
	if file.Path == "" {
		return "", nil
	}
	folder, err := work.Sub("keyring")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, filepath.Base(file.Path))
	return path, os.WriteFile(path, file.Content, 0o644)
}

func (i images) prepare(ctx context.Context, p inventory.Prepare, image *os.File, step func(string)) error {
	tool, err := guestfs.Find()
	if err != nil {
		return err
	}
	config := guestfs.Config{
		Packages: p.Packages, RootKeys: p.SSHAuthorizedKeys, Timezone: p.Timezone, Commands: p.Run, KVM: i.host.KVM(ctx) == "",
	}
	for _, c := range p.Copy {
		config.Files = append(config.Files, guestfs.File{Content: c.From.Content, To: c.To, Mode: fileMode(c.Mode), Owner: c.Owner})
	}
	ctx, cancel := limited(ctx)
	defer cancel()
	return i.inWork(func(work *workdir.Dir) error {
		folder, err := work.Sub("prepare")
		if err != nil {
			return err
		}
		tool.Inherit = []*os.File{i.lock, image, work.File}
		return tool.Prepare(ctx, config, image.Name(), folder, within("prepare", step))
	})
}

// fileMode reads permissions in octal, which the inventory has checked.
func fileMode(text string) os.FileMode {
	mode, _ := strconv.ParseUint(text, 8, 32) // "" is 0: the default
	return os.FileMode(mode)
}
