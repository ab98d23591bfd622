package qcow2

import (
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
// no disk image. Its errors are sentences about "it", the image.
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
	if err := header.refuse(); err != nil {
		return Image{}, err
	}
	return Image{QCOW2, header.Size}, nil
}

func (h Header) refuse() error {
	switch {
	case h.BackingFile != "":
		return fmt.Errorf("it has a backing file (%q); make it standalone first: qemu-img convert -O qcow2 …", h.BackingFile)
	case h.DataFile:
		return errors.New("its data lies in another file; make it standalone first: qemu-img convert -O qcow2 …")
	case h.Encrypted:
		return errors.New("it is encrypted; decrypt it first: qemu-img convert …")
	case h.Snapshots > 0:
		return errors.New("it has internal snapshots, which would be lost; delete them first: qemu-img snapshot -d …")
	case h.Dirty:
		return errors.New("it was not closed properly; mend it first: qemu-img check -r all …")
	case h.Corrupt:
		return errors.New("it is marked as corrupt; look at it with: qemu-img check …")
	case h.Unknown:
		return errors.New("it has qcow2 features that are not known")
	case h.Size == 0 || h.Size > maxSize:
		return fmt.Errorf("its virtual size, %d bytes, is no disk's", h.Size)
	}
	return nil
}

// rawSource takes what has the length of a disk and the signature of nothing
// else: an image that QEMU would probe for another format is never called raw.
func rawSource(r io.ReaderAt, length int64) (Image, error) {
	for _, s := range signatures {
		if found, err := s.in(r, length); err != nil {
			return Image{}, fmt.Errorf("read: %w", err)
		} else if found {
			return Image{}, fmt.Errorf("it is %s", s.what)
		}
	}
	switch {
	case length%sector != 0:
		return Image{}, fmt.Errorf("it is no disk image: %d bytes are not a whole number of sectors of %d", length, sector)
	case length > maxSize:
		return Image{}, fmt.Errorf("its size, %d bytes, is no disk's", length)
	}
	return Image{Raw, length}, nil
}
