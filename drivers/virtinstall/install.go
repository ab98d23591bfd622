package virtinstall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// installation is one that is under way.
type installation struct {
	Tool
	config Config
	work   string
	target string // name of the disk
	iso    string // the domain's CD-ROM; "" = none
}

// file is the name of a file of ours.
func (i *installation) file(name string) string { return filepath.Join(i.work, name) }

// Install installs onto disk: a raw, regular, sparse file that has its final
// size, and whose name QEMU's user can reach. work is the absolute name of an
// existing empty folder that QEMU's user can traverse (mode 0711); its files
// are ours and QEMU's alone. The caller removes it, which is safe as soon as
// Install has returned without saying that the domain may still run. step is
// told the name of each stage that begins.
//
// Nothing else is made on the host: no pool, no volume, no definition. However
// Install or this process ends, a process that outlives it ends the domain, and
// keeps the files of Inherit open until then. Where libvirt does not answer, it
// tries for five minutes, and Install waits for it.
//
// It is nil when the machine has ended by itself, by power off or reboot, and
// its disk was written to. Not told is whether the installer was content with
// what it did, or who ended the machine: the caller proves the image. After an
// error disk holds anything; nothing is flushed, and libvirt may have changed
// the disk's owner.
//
// The installer is fetched as the configuration says, without a checksum: an
// http URL trusts the network.
func (t Tool) Install(ctx context.Context, c Config, work string, disk *os.File, step func(string)) error {
	if err := errors.Join(c.check(), checkPath(work), checkDisk(disk)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no end within %s: %w", c.Timeout, context.DeadlineExceeded))
	defer cancel()
	i := &installation{Tool: t, config: c, work: work, target: disk.Name()}
	for _, stage := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"fetch the installer", i.fetch},
		{"install", func(ctx context.Context) error { return i.install(ctx, disk) }},
	} {
		step(stage.name)
		if err := stage.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	return nil
}

func (i *installation) install(ctx context.Context, disk *os.File) error {
	before, err := blocks(disk)
	if err != nil {
		return err
	}
	if err := i.answer(); err != nil {
		return fmt.Errorf("write the answers: %w", err)
	}
	if err := i.runGuarded(ctx); err != nil {
		return i.withConsole(err)
	}
	after, err := blocks(disk)
	if err == nil && after == before {
		err = i.withConsole(&Error{Program: "virt-install", Err: errors.New("the installer ended and wrote nothing to the disk")})
	}
	return err
}

// runGuarded lets virt-install have the guard's pipe too: the guard must not
// begin while the tool could still ask for the domain.
func (i *installation) runGuarded(ctx context.Context) error {
	guard, err := i.newGuard()
	if err != nil {
		return err
	}
	err = i.run(ctx, "virt-install", i.arguments(), guard.alive)
	return errors.Join(err, guard.end())
}

// blocks is how much space a file takes; it tells whether a sparse one was
// written to.
func blocks(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at the disk: %w", err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks, nil
}
