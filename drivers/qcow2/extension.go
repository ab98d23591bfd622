package qcow2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Types of header extensions.
const (
	endOfExtensions = 0
	backingFormat   = 0xE2792ACA
	externalData    = 0x44415441
	cryptoHeader    = 0x0537be77
)

const (
	maxExtensions = 64 // QEMU writes five at most
	maxFormat     = 15 // bytes of a backing format's name, as QEMU has it
)

// readExtensions looks for the extensions that say where data lies.
func (h *Header) readExtensions(r io.ReaderAt, at, end int64) error {
	head := make([]byte, 8)
	for range maxExtensions {
		if at+8 > end {
			return nil
		}
		if n, err := r.ReadAt(head, at); n < len(head) {
			return fmt.Errorf("read header extension: %w", err)
		}
		kind, size := binary.BigEndian.Uint32(head), int64(binary.BigEndian.Uint32(head[4:]))
		if kind == endOfExtensions {
			return nil
		}
		if size > end-at-8 {
			return errors.New("a header extension lies beyond its header's end")
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
		if size > maxFormat {
			return errors.New("the format of its backing file is too long a name")
		}
		name, err := text(r, at, size)
		if err != nil {
			return fmt.Errorf("the format of its backing file: %w", err)
		}
		h.BackingFormat = name
	}
	return nil
}
