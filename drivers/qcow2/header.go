// Package qcow2 reads the headers of disk images. It is written for images
// that somebody hostile may have made: it reads a few hundred bytes, bounds
// everything, and opens no other file.
//
// The format is that of QEMU's docs/interop/qcow2.txt.
package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
)

// ErrNotQCOW2 is returned for what does not begin as a qcow2 image does.
var ErrNotQCOW2 = errors.New("not a qcow2 image")

var errCutOff = errors.New("its header is cut off")

// Limits of the format.
const (
	sector         = 512
	headerBytes    = 104  // of version 3, without what later versions of QEMU append
	versionTwo     = 72   // bytes of a version 2 header
	maxBacking     = 1023 // bytes of a backing file's name
	minClusterBits = 9
	maxClusterBits = 21
)

// Bits of the incompatible features.
const (
	dirtyBit uint64 = 1 << iota
	corruptBit
	dataFileBit
	compressionBit
	extendedL2Bit
	knownBits = dirtyBit | corruptBit | dataFileBit | compressionBit | extendedL2Bit
)

// Header is what an image says of itself.
type Header struct {
	Version       int
	Size          int64  // virtual size in bytes: whole sectors, as QEMU reads it
	BackingFile   string // as it stands: a path, or one of QEMU's other notations; no control characters
	BackingFormat string // "" when none is recorded
	Encrypted     bool
	DataFile      bool // the data lies in another file
	Dirty         bool // it was not closed properly
	Corrupt       bool
	Snapshots     int  // internal ones
	Unknown       bool // it has features that this package does not know
}

// Read reads the header of an image of length bytes. What QEMU would refuse to
// open, or would read otherwise than this package does, is an error.
func Read(r io.ReaderAt, length int64) (Header, error) {
	raw := make([]byte, headerBytes)
	n, err := r.ReadAt(raw, 0)
	if err != nil && err != io.EOF {
		return Header{}, fmt.Errorf("read header: %w", err)
	}
	if n < 8 || string(raw[:4]) != "QFI\xfb" || binary.BigEndian.Uint32(raw[4:]) < 2 {
		return Header{}, ErrNotQCOW2
	}
	if n < versionTwo {
		return Header{}, errCutOff
	}
	return parse(r, raw[:n], length)
}

func parse(r io.ReaderAt, raw []byte, length int64) (Header, error) {
	h := Header{
		Version:   int(binary.BigEndian.Uint32(raw[4:])),
		Encrypted: binary.BigEndian.Uint32(raw[32:]) != 0,
		Snapshots: int(binary.BigEndian.Uint32(raw[60:])),
	}
	size, clusterBits := binary.BigEndian.Uint64(raw[24:]), binary.BigEndian.Uint32(raw[20:])
	switch {
	case h.Version > 3:
		return Header{}, fmt.Errorf("qcow2 version %d is not known", h.Version)
	case h.Version == 3 && len(raw) < headerBytes:
		return Header{}, errCutOff
	case size > math.MaxInt64:
		return Header{}, errors.New("its virtual size is beyond all bounds")
	case clusterBits < minClusterBits || clusterBits > maxClusterBits:
		return Header{}, errors.New("its cluster size is beyond all bounds")
	}
	h.Size = int64(size) / sector * sector
	return h, h.readRest(r, raw, min(length, 1<<clusterBits))
}

// readRest reads what has no fixed place. All of it lies in the first cluster.
func (h *Header) readRest(r io.ReaderAt, raw []byte, end int64) error {
	extensions := int64(versionTwo)
	if h.Version == 3 {
		h.features(binary.BigEndian.Uint64(raw[72:]))
		extensions = int64(binary.BigEndian.Uint32(raw[100:]))
		if extensions < headerBytes || extensions > end {
			return errors.New("the length of its header is beyond all bounds")
		}
	}
	backing := binary.BigEndian.Uint64(raw[8:])
	if backing == 0 {
		return h.readExtensions(r, extensions, end)
	}
	if backing > uint64(end) {
		return errBackingBounds
	}
	if err := h.readBacking(r, int64(backing), int64(binary.BigEndian.Uint32(raw[16:])), end); err != nil {
		return err
	}
	return h.readExtensions(r, extensions, int64(backing))
}

func (h *Header) features(incompatible uint64) {
	h.Dirty = incompatible&dirtyBit != 0
	h.Corrupt = incompatible&corruptBit != 0
	h.DataFile = incompatible&dataFileBit != 0
	h.Unknown = incompatible&^knownBits != 0
}

var errBackingBounds = errors.New("the name of its backing file lies beyond its header's end")

func (h *Header) readBacking(r io.ReaderAt, at, size, end int64) error {
	if size > maxBacking || size > end-at {
		return errBackingBounds
	}
	name, err := text(r, at, size)
	if err != nil {
		return fmt.Errorf("the name of its backing file: %w", err)
	}
	h.BackingFile = name
	return nil
}

// text reads a name. QEMU ends one at a NUL, so that we would see another name
// than it opens, and other control characters are there to deceive people.
func text(r io.ReaderAt, at, size int64) (string, error) {
	raw := make([]byte, size)
	if n, err := r.ReadAt(raw, at); n < len(raw) {
		return "", fmt.Errorf("read header: %w", err)
	}
	if strings.ContainsFunc(string(raw), unicode.IsControl) {
		return "", errors.New("it has control characters")
	}
	return string(raw), nil
}
