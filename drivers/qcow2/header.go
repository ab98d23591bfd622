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
)

// ErrNotQCOW2 is returned for what does not begin as a qcow2 image does.
var ErrNotQCOW2 = errors.New("not a qcow2 image")

// Limits of the format.
const (
	headerBytes   = 104  // of version 3
	versionTwo    = 72   // bytes of a version 2 header
	maxBacking    = 1023 // bytes of a backing file's name
	maxExtensions = 64
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
	Size          int64  // virtual size in bytes
	BackingFile   string // as it stands: a path, or one of QEMU's other notations
	BackingFormat string // "" when none is recorded
	Encrypted     bool
	DataFile      bool // the data lies in another file
	Corrupt       bool
	Snapshots     int  // internal ones
	Unknown       bool // it has features that this package does not know
}

// Read reads the header of an image of length bytes.
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
		return Header{}, errors.New("its header is cut off")
	}
	return parse(r, raw[:n], length)
}

func parse(r io.ReaderAt, raw []byte, length int64) (Header, error) {
	h := Header{
		Version:   int(binary.BigEndian.Uint32(raw[4:])),
		Encrypted: binary.BigEndian.Uint32(raw[32:]) != 0,
		Snapshots: int(binary.BigEndian.Uint32(raw[60:])),
	}
	size := binary.BigEndian.Uint64(raw[24:])
	if size > 1<<62 {
		return Header{}, errors.New("its virtual size is beyond all bounds")
	}
	h.Size = int64(size)
	extensions := int64(versionTwo)
	switch {
	case h.Version > 3:
		return Header{}, fmt.Errorf("qcow2 version %d is not known", h.Version)
	case h.Version == 3 && len(raw) < headerBytes:
		return Header{}, errors.New("its header is cut off")
	case h.Version == 3:
		h.features(binary.BigEndian.Uint64(raw[72:]))
		extensions = int64(binary.BigEndian.Uint32(raw[100:]))
	}
	if err := h.readBacking(r, raw, length); err != nil {
		return Header{}, err
	}
	return h, h.readExtensions(r, extensions, backingOffset(raw), length)
}

func (h *Header) features(incompatible uint64) {
	h.DataFile = incompatible&dataFileBit != 0
	h.Corrupt = incompatible&corruptBit != 0
	h.Unknown = incompatible&^knownBits != 0
}

func backingOffset(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[8:]) }

func (h *Header) readBacking(r io.ReaderAt, raw []byte, length int64) error {
	offset, size := backingOffset(raw), binary.BigEndian.Uint32(raw[16:])
	if offset == 0 {
		return nil
	}
	if size > maxBacking || offset > uint64(length) || uint64(size) > uint64(length)-offset {
		return errors.New("the name of its backing file lies beyond its end")
	}
	name := make([]byte, size)
	if _, err := r.ReadAt(name, int64(offset)); err != nil {
		return fmt.Errorf("read the name of its backing file: %w", err)
	}
	h.BackingFile = string(name)
	return nil
}

// Types of header extensions.
const (
	endOfExtensions = 0
	backingFormat   = 0xE2792ACA
	externalData    = 0x44415441
	cryptoHeader    = 0x0537be77
)

// readExtensions looks for the extensions that say where data lies. They end
// at the latest where the backing file's name begins.
func (h *Header) readExtensions(r io.ReaderAt, at int64, backing uint64, length int64) error {
	end := length
	if backing != 0 && backing < uint64(end) {
		end = int64(backing)
	}
	head := make([]byte, 8)
	for range maxExtensions {
		if at < versionTwo || at+8 > end {
			return nil
		}
		if _, err := r.ReadAt(head, at); err != nil {
			return fmt.Errorf("read header extension: %w", err)
		}
		kind, size := binary.BigEndian.Uint32(head), int64(binary.BigEndian.Uint32(head[4:]))
		if kind == endOfExtensions {
			return nil
		}
		if size > end-at-8 {
			return errors.New("a header extension lies beyond the header's end")
		}
		if err := h.extension(r, kind, at+8, size); err != nil {
			return err
		}
		at += 8 + (size+7)/8*8
	}
	return errors.New("it has too many header extensions")
}

func (h *Header) extension(r io.ReaderAt, kind uint32, at, size int64) error {
	switch kind {
	case externalData:
		h.DataFile = true
	case cryptoHeader:
		h.Encrypted = true
	case backingFormat:
		name := make([]byte, min(size, 64))
		if _, err := r.ReadAt(name, at); err != nil {
			return fmt.Errorf("read header extension: %w", err)
		}
		h.BackingFormat = string(name)
	}
	return nil
}
