package virtinstall

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"strings"

	"pcloud-apply/drivers/nocloud"
	"pcloud-apply/plan"
)

// answer puts the answers where the installer looks for them.
func (i *installation) answer() error {
	answers := i.config.Answers
	switch {
	case answers.Kind == "":
		return nil
	case i.way().file == "":
		return i.writeSeed()
	default:
		return i.inject(i.way().file, answers.Content)
	}
}

func (i *installation) way() way { return ways[i.config.Answers.Kind] }

// liveName is what the installer's own system calls itself, until the answers
// say how the new one is called.
const liveName = "installer"

func (i *installation) writeSeed() error {
	image, err := nocloud.Render(plan.Seed{Hostname: liveName, UserData: i.config.Answers.Content}, i.config.UUID)
	if err != nil {
		return fmt.Errorf("make the seed: %w", err)
	}
	return os.WriteFile(i.file("seed.iso"), image, 0o600)
}

// inject appends an archive with one file to the initrd: the kernel unpacks one
// after the other (Documentation/driver-api/early-userspace/buffer-format.rst).
func (i *installation) inject(name string, content []byte) (err error) {
	initrd, err := os.OpenFile(i.file("initrd"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, initrd.Close()) }()
	packed := gzip.NewWriter(initrd)
	_, err = packed.Write(archive(name, content))
	return errors.Join(err, packed.Close())
}

// Modes of a regular file that root alone reads, and of none.
const (
	secretFile = 0o100600
	noFile     = 0
)

// archive is a cpio archive in the format "newc".
func archive(name string, content []byte) []byte {
	var b bytes.Buffer
	entry(&b, name, secretFile, content)
	entry(&b, "TRAILER!!!", noFile, nil)
	return b.Bytes()
}

// entry has numbers with eight hexadecimal digits: inode, mode, user, group,
// links, time, size, four of devices, length of the name, checksum.
func entry(b *bytes.Buffer, name string, mode int, content []byte) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%s%08x%08x%s\x00", 1, mode, 0, 0, 1, 0, len(content), strings.Repeat("0", 4*8), len(name)+1, 0, name)
	align(b)
	b.Write(content)
	align(b)
}

func align(b *bytes.Buffer) { b.Write(make([]byte, -b.Len()&3)) }
