package qcow2

import (
	"bytes"
	"encoding/binary"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourceTakesRawAndQCOW2(t *testing.T) {
	for format, want := range map[string]Image{"qcow2": {QCOW2, 4 << 20}, "raw": {Raw, 4 << 20}} {
		text := read(t, create(t, "-f", format))
		if got, err := Source(bytes.NewReader(text), int64(len(text))); err != nil || got != want {
			t.Errorf("%s: %+v, %v", format, got, err)
		}
	}
}

// refused fails the test unless the image is refused with a text.
func refused(t *testing.T, image []byte, want string) {
	t.Helper()
	got, err := Source(bytes.NewReader(image), int64(len(image)))
	if err == nil || !strings.Contains(err.Error(), want) || got != (Image{}) {
		t.Errorf("%+v, %v, want %s", got, err, want)
	}
}

func TestSourceRefusesWhatQEMUMakes(t *testing.T) {
	base := create(t, "-f", "qcow2")
	// Not LUKS: QEMU then measures the CPU first, and gives up where others use it too.
	aes := []string{"-f", "qcow2", "--object", "secret,id=k,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=k"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"backing file":            {[]string{"-f", "qcow2", "-b", base, "-F", "qcow2"}, "backing file"},
		"backing file, version 2": {[]string{"-f", "qcow2", "-o", "compat=0.10", "-b", base, "-F", "qcow2"}, "backing file"},
		"json backing file":       {[]string{"-f", "qcow2", "-u", "-b", `json:{"driver":"nbd"}`, "-F", "raw"}, "backing file"},
		"data file":               {[]string{"-f", "qcow2", "-o", "data_file=" + filepath.Join(t.TempDir(), "d")}, "another file"},
		"encrypted":               {aes, "it is encrypted"},
		"vmdk":                    {[]string{"-f", "vmdk"}, "VMDK image"},
		"vmdk, stream":            {[]string{"-f", "vmdk", "-o", "subformat=streamOptimized"}, "VMDK image"},
		"vmdk, flat":              {[]string{"-f", "vmdk", "-o", "subformat=monolithicFlat"}, "VMDK description"},
		"vdi":                     {[]string{"-f", "vdi"}, "VDI"},
		"vhd":                     {[]string{"-f", "vpc"}, "VHD image"},
		"vhd, fixed":              {[]string{"-f", "vpc", "-o", "subformat=fixed"}, "VHD image"},
		"vhdx":                    {[]string{"-f", "vhdx"}, "VHDX"},
		"qed":                     {[]string{"-f", "qed"}, "QED"},
		"qcow":                    {[]string{"-f", "qcow"}, "qcow image of the first"},
		"parallels":               {[]string{"-f", "parallels"}, "Parallels"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, read(t, create(t, c.args...)), c.want) })
	}
}

func TestSourceRefusesInternalSnapshots(t *testing.T) {
	path := create(t, "-f", "qcow2")
	if out, err := exec.Command("qemu-img", "snapshot", "-c", "one", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	refused(t, read(t, path), "internal snapshots")
}

func TestSourceRefusesUnfitHeaders(t *testing.T) {
	whole := read(t, create(t, "-f", "qcow2"))
	for name, c := range map[string]struct {
		image []byte
		want  string
	}{
		"dirty":     {with(whole, atIncompatible, dirtyBit), "not closed properly"},
		"corrupt":   {with(whole, atIncompatible, corruptBit), "corrupt"},
		"data file": {with(whole, atIncompatible, dataFileBit), "another file"},
		"unknown":   {with(whole, atIncompatible, uint64(1)<<5), "features that are not known"},
		"aes":       {with(whole, atCrypt, uint32(1)), "it is encrypted"},
		"luks":      {with(whole, atCrypt, uint32(2)), "it is encrypted"},
		"luks head": {with(whole, int(binary.BigEndian.Uint32(whole[atHeaderLength:])), uint32(cryptoHeader)), "it is encrypted"},
		"data name": {with(whole, int(binary.BigEndian.Uint32(whole[atHeaderLength:])), uint32(externalData)), "another file"},
		"snapshots": {with(whole, atSnapshots, uint32(1<<32-1)), "internal snapshots"},
		"no size":   {with(whole, atSize, uint64(0)), "is no disk's"},
		"too large": {with(whole, atSize, uint64(maxSize+512)), "is no disk's"},
		"cut off":   {whole[:80], "cut off"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.image, c.want) })
	}
}

// disk is a file of n bytes in which a text stands.
func disk(n, at int, text string) []byte {
	image := make([]byte, n)
	copy(image[at:], text)
	return image
}

func TestSourceRefusesWhatIsNoDisk(t *testing.T) {
	for want, image := range map[string][]byte{
		"it is empty":       {},
		"whole number":      make([]byte, 1000),
		"gzip":              disk(512, 0, "\x1f\x8b\x08"),
		"xz":                disk(512, 0, "\xfd7zXZ\x00"),
		"zstd":              disk(512, 0, "\x28\xb5\x2f\xfd"),
		"bzip2":             disk(512, 0, "BZh9"),
		"(zip)":             disk(512, 0, "PK\x03\x04"),
		"7z":                disk(512, 0, "7z\xbc\xaf\x27\x1c"),
		"tar archive":       disk(1024, 257, "ustar"),
		"CD image":          disk(0x9000, 0x8001, "CD001"),
		"DMG":               disk(2048, 2048-512, "koly"),
		"encrypted (LUKS)":  disk(512, 0, "LUKS\xba\xbe"),
		"VMDK description":  disk(100, 0, "# Disk DescriptorFile\n"), // of a length that is no disk's
		"decompress it":     disk(1001, 0, "\x1f\x8b\x08"),
		"VMDK image; conve": disk(512, 0, "COWD"),
	} {
		t.Run(want, func(t *testing.T) { refused(t, image, want) })
	}
}

// endless is a sparse file of zeros.
type endless struct{}

func (endless) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func TestRawImagesHaveTheSizeOfADisk(t *testing.T) {
	var zeros io.ReaderAt = endless{}
	if got, err := Source(zeros, maxSize); err != nil || got != (Image{Raw, maxSize}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := Source(zeros, maxSize+512); err == nil || !strings.Contains(err.Error(), "is no disk's") {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzSource(f *testing.F) {
	f.Add([]byte("QFI\xfb\x00\x00\x00\x03"))
	f.Add(append([]byte("QFI\xfb\x00\x00\x00\x02"), make([]byte, 200)...))
	whole := with(with(disk(1024, 0, "QFI\xfb\x00\x00\x00\x03"), atClusterBits, uint32(16)), atSize, uint64(1<<20))
	f.Add(with(whole, atHeaderLength, uint32(104)))
	f.Add(with(with(with(whole, atHeaderLength, uint32(112)), atBacking, uint64(200)), atBackingSize, uint32(20)))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := &meter{ReaderAt: bytes.NewReader(text)}
		image, err := Source(m, int64(len(text)))
		if err == nil && (image.Size <= 0 || image.Size > maxSize) {
			t.Errorf("%+v was taken", image)
		}
		if m.bytes > 2048 {
			t.Errorf("%d bytes were read", m.bytes)
		}
	})
}
