package mmdebstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// seriesFolder has the lists of the distributions' series.
const seriesFolder = "/usr/share/distro-info"

// build is one image under construction.
type build struct {
	Tool
	config  Config
	release release
	keyring string
	work    string
	disk    *os.File
	layout  layout
	uuid    string // of the root file system
}

// Build fills disk, an empty regular file open for reading and writing, with
// the image: for BIOS and UEFI, without an identity, without a password. work
// is the absolute name of an existing empty folder for intermediate files; the
// caller removes it, which is safe as soon as Build has returned or the process
// has died. step is told the name of each stage that begins. After an error
// disk holds anything; nothing is flushed. It takes root.
func (t Tool) Build(ctx context.Context, c Config, work string, disk *os.File, step func(string)) error {
	b, err := t.newBuild(c, work, disk)
	if err != nil {
		return err
	}
	for _, stage := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"install packages", b.bootstrap},
		{"set up the system", b.setUp},
		{"make file systems", b.makeFileSystems},
		{"install the boot loader", b.installBootLoader},
	} {
		step(stage.name)
		if err := stage.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", stage.name, err)
		}
	}
	return nil
}

func (t Tool) newBuild(c Config, work string, disk *os.File) (*build, error) {
	if err := errors.Join(c.check(), checkPlaces(work, disk)); err != nil {
		return nil, err
	}
	release, err := releaseOf(c.Suite, seriesFolder)
	if err != nil {
		return nil, err
	}
	keyring, err := release.keyringFile(c)
	if err != nil {
		return nil, err
	}
	return &build{t, c, release, keyring, work, disk, layoutOf(c.disk()), newUUID()}, nil
}

func checkPlaces(work string, disk *os.File) error {
	if !filepath.IsAbs(work) {
		return fmt.Errorf("%q is not an absolute path", work)
	}
	info, err := disk.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != 0 {
		return fmt.Errorf("%s is not an empty regular file", disk.Name())
	}
	return nil
}

// tree is the folder with the image's files.
func (b *build) tree() string { return filepath.Join(b.work, "tree") }

// bootstrap installs the packages. Temporary files lie in work, whose removal
// takes them away after a kill.
func (b *build) bootstrap(ctx context.Context) error {
	sources, err := b.sources(ctx, b.config, b.release)
	if err != nil {
		return err
	}
	return b.run(ctx, b.unseen(command{
		path: b.Paths["mmdebstrap"],
		args: b.bootstrapArgs(sources),
		env:  []string{"TMPDIR=" + b.work},
	}))
}

// bootstrapArgs has dpkg not wait for the disk: a build that the machine's crash
// ends begins anew anyway.
func (b *build) bootstrapArgs(sources []string) []string {
	return append([]string{
		"--mode=root",
		"--format=directory",
		"--variant=minbase",
		"--architectures=amd64",
		"--keyring=" + b.keyring,
		"--components=" + strings.Join(b.release.componentsOf(b.config), ","),
		"--include=" + strings.Join(b.release.packages(b.config.Packages), ","),
		"--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
		`--aptopt=Acquire::Languages "none"`,
		"--dpkgopt=force-unsafe-io",
		"--",
		b.release.suite,
		b.tree(),
	}, sources...)
}
