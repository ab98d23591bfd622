package nocloud

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// sector is the block of ISO 9660 (ECMA-119).
const sector = 2048

// Where things lie, in sectors. The first 16 are the system area.
const (
	descriptorAt = 16
	terminatorAt = 17
	littleTable  = 18
	bigTable     = 19
	rootAt       = 20
	filesAt      = 21
)

// file is one file of the image's only folder.
type file struct {
	name    string
	content []byte
}

// writeISO makes an image with few small files. Names stand in it as they are,
// as Linux shows them without any extension: lower case and hyphens are beyond
// the letter of ECMA-119, and what every maker of seeds writes.
func writeISO(label string, files []file) []byte {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	root := directory(rootAt, sector, "\x00")
	root = append(root, directory(rootAt, sector, "\x01")...)
	var data bytes.Buffer
	for _, f := range files {
		at := filesAt + data.Len()/sector
		root = append(root, record(at, len(f.content), f.name+";1", 0)...)
		data.Write(padded(f.content, sector))
	}
	sectors := filesAt + data.Len()/sector
	image := make([]byte, descriptorAt*sector)
	image = append(image, descriptor(label, sectors)...)
	image = append(image, padded([]byte("\xffCD001\x01"), sector)...)
	image = append(image, padded(pathTable(binary.LittleEndian), sector)...)
	image = append(image, padded(pathTable(binary.BigEndian), sector)...)
	image = append(image, padded(root, sector)...)
	return append(image, data.Bytes()...)
}

func padded(content []byte, block int) []byte {
	return append(bytes.Clone(content), make([]byte, (block-len(content)%block)%block)...)
}

// both32 writes a number in both byte orders, as ISO 9660 has it.
func both32(n int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(n))
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func both16(n int) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(n))
	return binary.BigEndian.AppendUint16(b, uint16(n))
}

// date is the same for every image: 1 January 2000.
var date = []byte{100, 1, 1, 0, 0, 0, 0}

func directory(at, size int, name string) []byte { return record(at, size, name, 2) }

// record is a directory record (ECMA-119 9.1).
func record(at, size int, name string, flags byte) []byte {
	var b bytes.Buffer
	b.Write([]byte{0, 0})
	b.Write(both32(at))
	b.Write(both32(size))
	b.Write(date)
	b.Write([]byte{flags, 0, 0})
	b.Write(both16(1))
	b.WriteByte(byte(len(name)))
	b.WriteString(name)
	entry := padded(b.Bytes(), 2)
	entry[0] = byte(len(entry))
	return entry
}

// pathTable has the root folder only (ECMA-119 9.4).
func pathTable(order binary.AppendByteOrder) []byte {
	table := order.AppendUint32([]byte{1, 0}, rootAt)
	return append(order.AppendUint16(table, 1), 0, 0)
}

// descriptor is the primary volume descriptor (ECMA-119 8.4).
func descriptor(label string, sectors int) []byte {
	var b bytes.Buffer
	b.WriteString("\x01CD001\x01\x00")
	b.WriteString(field("LINUX", 32))
	b.WriteString(field(label, 32))
	b.Write(make([]byte, 8))
	b.Write(both32(sectors))
	b.Write(make([]byte, 32))
	for range 2 { // one volume, the first
		b.Write(both16(1))
	}
	b.Write(both16(sector))
	b.Write(both32(len(pathTable(binary.LittleEndian))))
	b.Write(binary.LittleEndian.AppendUint32(nil, littleTable))
	b.Write(make([]byte, 4))
	b.Write(binary.BigEndian.AppendUint32(nil, bigTable))
	b.Write(make([]byte, 4))
	b.Write(directory(rootAt, sector, "\x00"))
	b.WriteString(field("", 128+128+128+128+37+37+37)) // sets, publishers, files: none
	for range 2 {
		b.WriteString("2000010100000000\x00")
	}
	for range 2 { // never expires, effective at once
		b.WriteString(strings.Repeat("0", 16) + "\x00")
	}
	b.Write([]byte{1, 0})
	return padded(b.Bytes(), sector)
}

func field(text string, width int) string { return text + strings.Repeat(" ", width-len(text)) }
