package mmdebstrap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are GRUB's names of the firmwares, with the modules that it needs
// to find the others.
var platforms = map[string][]string{
	bios: {"biosdisk", "part_gpt", "ext2", "search_fs_uuid"},
	uefi: {"part_gpt", "ext2", "search_fs_uuid"},
}

const (
	bios = "i386-pc"
	uefi = "x86_64-efi"

	// loadConfig is what GRUB reads first, a part of its image.
	loadConfig = "boot/grub/load.cfg"
)

// prepareBoot writes what GRUB reads at boot, as its own installer would. The
// menu is replaced by update-grub when the guest gets another kernel.
func (b *build) prepareBoot(root *os.Root) error {
	version, err := kernelVersion(root.FS())
	if err != nil {
		return err
	}
	load := fmt.Sprintf("search.fs_uuid %s root\nset prefix=($root)'/boot/grub'\n", b.uuid)
	menu := fmt.Sprintf("insmod all_video\nlinux /boot/vmlinuz-%s root=UUID=%s ro %s\ninitrd /boot/initrd.img-%s\nboot\n",
		version, b.uuid, kernelArguments, version)
	if err := errors.Join(writeFile(root, loadConfig, []byte(load)), writeFile(root, "boot/grub/grub.cfg", []byte(menu))); err != nil {
		return err
	}
	for platform := range platforms {
		if err := copyModules(root, platform); err != nil {
			return err
		}
	}
	return nil
}

// kernelVersion gives the installed kernel's, of several the last by name.
func kernelVersion(tree fs.FS) (string, error) {
	kernels, err := fs.Glob(tree, "boot/vmlinuz-*")
	if err != nil {
		return "", err
	}
	for _, kernel := range slices.Backward(kernels) {
		version := strings.TrimPrefix(kernel, "boot/vmlinuz-")
		if _, err := fs.Stat(tree, "boot/initrd.img-"+version); err == nil {
			return version, nil
		}
	}
	return "", errors.New("no kernel with an initramfs was installed")
}

func copyModules(root *os.Root, platform string) error {
	for _, pattern := range []string{"*.mod", "*.lst"} {
		names, err := fs.Glob(root.FS(), path.Join("usr/lib/grub", platform, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			content, err := root.ReadFile(name)
			if err != nil {
				return err
			}
			if err := writeFile(root, path.Join("boot/grub", platform, path.Base(name)), content); err != nil {
				return err
			}
		}
	}
	return nil
}

// installBootLoader makes GRUB's images with the image's own GRUB and puts them
// where the firmwares look.
func (b *build) installBootLoader(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(b.loader()), 0o755); err != nil {
		return err
	}
	core := filepath.Join(b.work, "core.img")
	if err := b.grubImage(ctx, bios, core); err != nil {
		return err
	}
	if err := b.writeBootSectors(core); err != nil {
		return err
	}
	if err := b.grubImage(ctx, uefi, b.loader()); err != nil {
		return err
	}
	return b.makeESP(ctx)
}

// grubImage has to write into a file: GRUB flushes what it has written.
func (b *build) grubImage(ctx context.Context, platform, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	args := append([]string{"--format=" + platform, "--prefix=/boot/grub", "--config=/" + loadConfig, "--"}, platforms[platform]...)
	err = b.run(ctx, command{path: "/usr/bin/grub-mkimage", args: args, root: b.tree(), output: file})
	return errors.Join(err, file.Close())
}

// writeBootSectors joins the BIOS, the boot sector and GRUB's core: each has
// the number of the next one's sector.
func (b *build) writeBootSectors(coreFile string) error {
	core, err := os.ReadFile(coreFile)
	if err != nil {
		return err
	}
	boot, err := os.ReadFile(filepath.Join(b.tree(), "usr/lib/grub", bios, "boot.img"))
	if err != nil {
		return err
	}
	table := make([]byte, sectorSize)
	if _, err := b.disk.ReadAt(table, 0); err != nil {
		return err
	}
	first, err := bootSector(boot, table, b.layout.core)
	if err != nil {
		return err
	}
	placed, err := placeCore(core, b.layout.core)
	if err != nil {
		return err
	}
	_, err1 := b.disk.WriteAt(first, 0)
	_, err2 := b.disk.WriteAt(placed, b.layout.core.start)
	return errors.Join(err1, err2)
}

// Places in GRUB's first two sectors, from its machine/boot.h.
const (
	bootCodeEnd    = 440  // where the disk's signature and its table begin
	bootKernel     = 0x5c // in boot.img: the sector of the core, 8 bytes
	coreBlockStart = 0x1f4
	coreBlockCount = 0x1fc
)

// bootSector gives boot.img with the disk's own table and the place of the core.
func bootSector(boot, table []byte, core extent) ([]byte, error) {
	if len(boot) != sectorSize || boot[510] != 0x55 || boot[511] != 0xaa {
		return nil, errors.New("GRUB's boot.img is no boot sector")
	}
	sector := slices.Concat(boot[:bootCodeEnd], table[bootCodeEnd:])
	binary.LittleEndian.PutUint64(sector[bootKernel:], uint64(core.sector()))
	return sector, nil
}

// placeCore gives the core for its partition: its first sector says where the
// rest is, and how many sectors that has.
func placeCore(core []byte, place extent) ([]byte, error) {
	padded := make([]byte, (len(core)+sectorSize-1)/sectorSize*sectorSize)
	copy(padded, core)
	if len(padded) < 2*sectorSize || int64(len(padded)) > place.size {
		return nil, fmt.Errorf("GRUB's core has %d bytes, and %d have room", len(core), place.size)
	}
	rest := int(binary.LittleEndian.Uint16(padded[coreBlockCount:]))
	if rest != len(padded)/sectorSize-1 {
		return nil, fmt.Errorf("GRUB's core of %d bytes expects %d further sectors", len(core), rest)
	}
	binary.LittleEndian.PutUint64(padded[coreBlockStart:], uint64(place.sector()+1))
	return padded, nil
}
