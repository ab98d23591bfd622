package qcow2

import "io"

// signature is what shows a format that is not taken.
type signature struct {
	at   int64 // from the start, or when negative from the end
	text string
	what string
}

const (
	footer      = -512
	otherFormat = "; convert it first: qemu-img convert -O qcow2 …"
	unpackFirst = "; decompress it first"
)

var signatures = []signature{
	{0, "QFI\xfb", "a qcow image of the first version" + otherFormat},
	{0, "KDMV", "a VMDK image" + otherFormat},
	{0, "COWD", "a VMDK image" + otherFormat},
	{0, "# Disk DescriptorFile", "a VMDK description, which only names the files with the data" + otherFormat},
	{0, "conectix", "a VHD image" + otherFormat},
	{footer, "conectix", "a VHD image" + otherFormat}, // of fixed size: data first
	{0, "vhdxfile", "a VHDX image" + otherFormat},
	{64, "\x7f\x10\xda\xbe", "a VDI image" + otherFormat},
	{0, "QED\x00", "a QED image" + otherFormat},
	{0, "WithoutFreeSpace", "a Parallels image" + otherFormat},
	{0, "WithouFreSpacExt", "a Parallels image" + otherFormat},
	{footer, "koly", "a DMG image" + otherFormat},
	{0, "LUKS\xba\xbe", "encrypted (LUKS)"},
	{0x8001, "CD001", "a CD image (ISO 9660), no disk image; installers are no golden images"},
	{257, "ustar", "a tar archive (an OVA file is one too); unpack it first"},
	{0, "\x1f\x8b\x08", "compressed (gzip)" + unpackFirst},
	{0, "\xfd7zXZ\x00", "compressed (xz)" + unpackFirst},
	{0, "\x28\xb5\x2f\xfd", "compressed (zstd)" + unpackFirst},
	{0, "BZh", "compressed (bzip2)" + unpackFirst},
	{0, "PK\x03\x04", "compressed (zip)" + unpackFirst},
	{0, "7z\xbc\xaf\x27\x1c", "compressed (7z)" + unpackFirst},
}

func (s signature) in(r io.ReaderAt, length int64) (bool, error) {
	at := s.at
	if at < 0 {
		at += length
	}
	if at < 0 || at+int64(len(s.text)) > length {
		return false, nil
	}
	start := make([]byte, len(s.text))
	if n, err := r.ReadAt(start, at); n < len(start) {
		return false, err
	}
	return string(start) == s.text, nil
}
