package mmdebstrap

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pcloud-apply/drivers/tool"
)

const (
	sectorSize = 512
	mebibyte   = 1 << 20
)

// extent is a part of the disk, in bytes.
type extent struct{ start, size int64 }

func (e extent) sector() int64 { return e.start / sectorSize }

// layout says where the partitions are.
type layout struct{ disk, core, esp, root extent }

// layoutOf divides a disk of whole MiB. The root is last, for it to grow; the
// table's copy has a MiB of its own behind it.
func layoutOf(size int64) layout {
	core := extent{mebibyte, mebibyte}
	esp := extent{core.start + core.size, 64 * mebibyte}
	root := esp.start + esp.size
	return layout{extent{0, size}, core, esp, extent{root, size - root - mebibyte}}
}

// script is what sfdisk reads.
func (l layout) script() string {
	var text strings.Builder
	text.WriteString("label: gpt\nunit: sectors\n")
	for _, p := range []struct {
		extent
		kind, name string
	}{
		{l.core, "21686148-6449-6E6F-744E-656564454649", "bios"},
		{l.esp, "C12A7328-F81F-11D2-BA4B-00C93EC93B4B", "efi"},
		{l.root, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", "root"},
	} {
		fmt.Fprintf(&text, "start=%d, size=%d, type=%s, name=%q\n", p.sector(), p.size/sectorSize, p.kind, p.name)
	}
	return text.String()
}

// newUUID gives a random one.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// makeFileSystems partitions the disk and fills the root partition.
func (b *build) makeFileSystems(ctx context.Context) error {
	if err := b.disk.Truncate(b.layout.disk.size); err != nil {
		return err
	}
	if err := b.partition(ctx); err != nil {
		return err
	}
	return b.makeRoot(ctx)
}

func (b *build) partition(ctx context.Context) error {
	return b.run(ctx, command{
		path:  b.Paths["sfdisk"],
		args:  []string{"--quiet", "--no-reread", "--no-tell-kernel", "--", tool.Inherited(0)},
		input: b.layout.script(),
		files: []*os.File{b.disk},
	})
}

// makeRoot writes the tree into a file system with the features that the
// image's own release gives its file systems. It leaves no table for the guest
// to zero in the background: that would grow every overlay.
func (b *build) makeRoot(ctx context.Context) error {
	root := b.layout.root
	return b.run(ctx, command{
		path: b.Paths["mke2fs"],
		args: []string{
			"-q", "-F", "-t", "ext4", "-L", "root", "-U", b.uuid, "-d", b.tree(),
			"-E", fmt.Sprintf("offset=%d,lazy_itable_init=0,lazy_journal_init=0", root.start),
			"--", tool.Inherited(0), strconv.FormatInt(root.size/1024, 10) + "K",
		},
		env:   []string{"MKE2FS_CONFIG=" + filepath.Join(b.tree(), "etc/mke2fs.conf")},
		files: []*os.File{b.disk},
	})
}

// loader is the file that UEFI starts.
func (b *build) loader() string { return filepath.Join(b.work, "EFI", "BOOT", "BOOTX64.EFI") }

// makeESP fills the partition that UEFI reads. It is made in a file of its own:
// mtools wants to lock what it writes to, and the disk may be locked.
func (b *build) makeESP(ctx context.Context) error {
	file, kib := filepath.Join(b.work, "esp"), strconv.FormatInt(b.layout.esp.size/1024, 10)
	format := command{path: b.Paths["mkfs.vfat"], args: []string{"-F", "32", "-n", "EFI", "-C", "--", file, kib}}
	if err := b.run(ctx, format); err != nil {
		return err
	}
	fill := command{path: b.Paths["mcopy"], args: []string{"-s", "-i", file, "--", filepath.Join(b.work, "EFI"), "::"}}
	if err := b.run(ctx, fill); err != nil {
		return err
	}
	return b.copyIn(file, b.layout.esp)
}

// copyIn puts a file into a part of the disk.
func (b *build) copyIn(name string, part extent) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.CopyN(io.NewOffsetWriter(b.disk, part.start), file, part.size)
	return err
}
