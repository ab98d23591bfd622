package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// create makes an image with the real tool and gives its path.
func create(t *testing.T, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	args = append([]string{"create", "-q"}, args...)
	out, err := exec.Command("qemu-img", append(args, path, "4M")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReadAgreesWithQEMU(t *testing.T) {
	base := create(t, "-f", "qcow2")
	cases := map[string]struct {
		args []string
		want Header
	}{
		"version 3": {[]string{"-f", "qcow2"}, Header{Version: 3, Size: 4 << 20}},
		"version 2": {[]string{"-f", "qcow2", "-o", "compat=0.10"}, Header{Version: 2, Size: 4 << 20}},
		"overlay": {[]string{"-f", "qcow2", "-b", base, "-F", "qcow2"},
			Header{Version: 3, Size: 4 << 20, BackingFile: base, BackingFormat: "qcow2"}},
		"overlay, version 2": {[]string{"-f", "qcow2", "-o", "compat=0.10", "-b", base, "-F", "qcow2"},
			Header{Version: 2, Size: 4 << 20, BackingFile: base, BackingFormat: "qcow2"}},
		"data file": {[]string{"-f", "qcow2", "-o", "data_file=" + filepath.Join(t.TempDir(), "data")},
			Header{Version: 3, Size: 4 << 20, DataFile: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := read(t, create(t, c.args...))
			got, err := Read(bytes.NewReader(text), int64(len(text)))
			if err != nil || got != c.want {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestReadCountsSnapshots(t *testing.T) {
	path := create(t, "-f", "qcow2")
	if out, err := exec.Command("qemu-img", "snapshot", "-c", "one", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := read(t, path)
	got, err := Read(bytes.NewReader(text), int64(len(text)))
	if err != nil || got.Snapshots != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReadRefusesWhatIsCutOffOrOutOfBounds(t *testing.T) {
	whole := read(t, create(t, "-f", "qcow2", "-b", create(t, "-f", "qcow2"), "-F", "qcow2"))
	long := bytes.Clone(whole)
	binary.BigEndian.PutUint32(long[16:], 1<<31)
	far := bytes.Clone(whole)
	binary.BigEndian.PutUint64(far[8:], 1<<63)
	extension := bytes.Clone(whole)
	binary.BigEndian.PutUint32(extension[binary.BigEndian.Uint32(whole[100:])+4:], 1<<30)
	huge := bytes.Clone(whole)
	binary.BigEndian.PutUint64(huge[24:], 1<<63)
	for name, text := range map[string][]byte{
		"cut off": whole[:90], "long backing name": long, "far backing name": far, "long extension": extension, "huge": huge,
	} {
		if got, err := Read(bytes.NewReader(text), int64(len(text))); err == nil || errors.Is(err, ErrNotQCOW2) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, text := range [][]byte{nil, []byte("QFI"), bytes.Repeat([]byte{0}, 512)} {
		if _, err := Read(bytes.NewReader(text), int64(len(text))); !errors.Is(err, ErrNotQCOW2) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSourceTakesRawAndQCOW2(t *testing.T) {
	for format, want := range map[string]Image{"qcow2": {QCOW2, 4 << 20}, "raw": {Raw, 4 << 20}} {
		text := read(t, create(t, "-f", format))
		if got, err := Source(bytes.NewReader(text), int64(len(text))); err != nil || got != want {
			t.Errorf("%s: %+v, %v", format, got, err)
		}
	}
}

func TestSourceRefuses(t *testing.T) {
	base := create(t, "-f", "qcow2")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"backing file": {[]string{"-f", "qcow2", "-b", base, "-F", "qcow2"}, "backing file"},
		"data file":    {[]string{"-f", "qcow2", "-o", "data_file=" + filepath.Join(t.TempDir(), "d")}, "another file"},
		"vmdk":         {[]string{"-f", "vmdk"}, "VMDK"},
		"vmdk, flat":   {[]string{"-f", "vmdk", "-o", "subformat=monolithicFlat"}, "VMDK"},
		"vdi":          {[]string{"-f", "vdi"}, "VDI"},
		"vhd":          {[]string{"-f", "vpc"}, "VHD"},
		"vhdx":         {[]string{"-f", "vhdx"}, "VHDX"},
		"qed":          {[]string{"-f", "qed"}, "QED"},
		"qcow":         {[]string{"-f", "qcow"}, "qcow image of the first"},
		"parallels":    {[]string{"-f", "parallels"}, "Parallels"},
	} {
		t.Run(name, func(t *testing.T) {
			text := read(t, create(t, c.args...))
			_, err := Source(bytes.NewReader(text), int64(len(text)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSourceRefusesFlagsOfTheHeader(t *testing.T) {
	plain := read(t, create(t, "-f", "qcow2"))
	for want, change := range map[string]func([]byte){
		"encrypted": func(h []byte) { binary.BigEndian.PutUint32(h[32:], 2) }, // crypt_method
		"corrupt":   func(h []byte) { h[79] |= 2 },
		"not known": func(h []byte) { h[72] |= 0x80 },
		"no disk's": func(h []byte) { binary.BigEndian.PutUint64(h[24:], 0) },
	} {
		text := bytes.Clone(plain)
		change(text)
		if _, err := Source(bytes.NewReader(text), int64(len(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestSourceRefusesWhatIsNoDisk(t *testing.T) {
	cd := make([]byte, 0x9000)
	copy(cd[0x8001:], "CD001")
	for want, text := range map[string][]byte{
		"empty":      {},
		"gzip":       append([]byte("\x1f\x8b"), make([]byte, 510)...),
		"xz":         append([]byte("\xfd7zXZ\x00"), make([]byte, 506)...),
		"whole":      make([]byte, 1000),
		"CD image":   cd,
		"LUKS":       append([]byte("LUKS\xba\xbe"), make([]byte, 506)...),
		"VMDK descr": append([]byte("# Disk DescriptorFile\n"), make([]byte, 490)...),
	} {
		if _, err := Source(bytes.NewReader(text), int64(len(text))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func FuzzSource(f *testing.F) {
	f.Add([]byte("QFI\xfb\x00\x00\x00\x03"))
	f.Add(append([]byte("QFI\xfb\x00\x00\x00\x02"), make([]byte, 200)...))
	f.Fuzz(func(t *testing.T, text []byte) {
		image, err := Source(bytes.NewReader(text), int64(len(text)))
		if err == nil && (image.Size <= 0 || image.Size > maxSize) {
			t.Errorf("%+v was taken", image)
		}
	})
}
