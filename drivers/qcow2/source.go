package qcow2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Formats of source images.
const (
	QCOW2 = "qcow2"
	Raw   = "raw"
)

// maxSize is the largest virtual size that a source image may have.
const maxSize = 64 << 40

// Image is a source image that was found fit for use.
type Image struct {
	Format string // QCOW2 or Raw
	Size   int64  // virtual size in bytes
}

// Source judges an image from outside, of length bytes, before any tool opens
// it. It refuses whatever would make a tool open another file, and whatever is
// no disk image.
func Source(r io.ReaderAt, length int64) (Image, error) {
	if length == 0 {
		return Image{}, errors.New("it is empty")
	}
	header, err := Read(r, length)
	switch {
	case errors.Is(err, ErrNotQCOW2):
		return rawSource(r, length)
	case err != nil:
		return Image{}, err
	}
	return Image{QCOW2, header.Size}, header.refuse()
}

func (h Header) refuse() error {
	switch {
	case h.BackingFile != "":
		return fmt.Errorf("it has a backing file (%q); make it standalone first: qemu-img convert -O qcow2 …", h.BackingFile)
	case h.DataFile:
		return errors.New("its data lies in another file; make it standalone first: qemu-img convert -O qcow2 …")
	case h.Encrypted:
		return errors.New("it is encrypted")
	case h.Snapshots > 0:
		return errors.New("it has internal snapshots, which would be lost; delete them first: qemu-img snapshot -d …")
	case h.Corrupt:
		return errors.New("it is marked as corrupt; look at it with: qemu-img check …")
	case h.Unknown:
		return errors.New("it has qcow2 features that are not known")
	case h.Size == 0 || h.Size > maxSize:
		return fmt.Errorf("its virtual size, %d bytes, is no disk's", h.Size)
	}
	return nil
}

// signature is how a format that is not taken begins.
type signature struct {
	at   int64
	text string
	what string
}

const compressed = "compressed (%s): decompress it first"

var signatures = []signature{
	{0, "QFI\xfb", "a qcow image of the first version"},
	{0, "KDMV", "a VMDK image"},
	{0, "COWD", "a VMDK image"},
	{0, "# Disk DescriptorFile", "a VMDK description"},
	{0, "conectix", "a VHD image"},
	{0, "vhdxfile", "a VHDX image"},
	{64, "\x7f\x10\xda\xbe", "a VDI image"},
	{0, "QED\x00", "a QED image"},
	{0, "LUKS\xba\xbe", "encrypted (LUKS)"},
	{0, "WithoutFreeSpace", "a Parallels image"},
	{0, "WithouFreSpacExt", "a Parallels image"},
	{0, "koly", "a DMG image"},
	{0x8001, "CD001", "a CD image, no disk image"},
	{0, "\x1f\x8b", fmt.Sprintf(compressed, "gzip")},
	{0, "\xfd7zXZ\x00", fmt.Sprintf(compressed, "xz")},
	{0, "\x28\xb5\x2f\xfd", fmt.Sprintf(compressed, "zstd")},
	{0, "BZh", fmt.Sprintf(compressed, "bzip2")},
	{0, "PK\x03\x04", fmt.Sprintf(compressed, "zip")},
}

// rawSource takes what has the length of a disk and the signature of nothing
// else: an image that QEMU would probe for another format is never called raw.
func rawSource(r io.ReaderAt, length int64) (Image, error) {
	for _, s := range signatures {
		start := make([]byte, len(s.text))
		if _, err := r.ReadAt(start, s.at); err != nil && err != io.EOF {
			return Image{}, fmt.Errorf("read: %w", err)
		}
		if bytes.Equal(start, []byte(s.text)) {
			return Image{}, fmt.Errorf("it is %s", s.what)
		}
	}
	if length%512 != 0 || length > maxSize {
		return Image{}, fmt.Errorf("it is no disk image: %d bytes are not a whole number of sectors of 512", length)
	}
	return Image{Raw, length}, nil
}
