package qcow2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
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

// with returns a copy of an image in which a field has another value.
func with[T uint32 | uint64](image []byte, at int, value T) []byte {
	changed := bytes.Clone(image)
	switch v := any(value).(type) {
	case uint32:
		binary.BigEndian.PutUint32(changed[at:], v)
	case uint64:
		binary.BigEndian.PutUint64(changed[at:], v)
	}
	return changed
}

// Places of fields in the header.
const (
	atVersion      = 4
	atBacking      = 8
	atBackingSize  = 16
	atClusterBits  = 20
	atSize         = 24
	atCrypt        = 32
	atSnapshots    = 60
	atIncompatible = 72
	atHeaderLength = 100
)

func TestReadRefusesWhatIsCutOffOrOutOfBounds(t *testing.T) {
	whole := read(t, create(t, "-f", "qcow2", "-b", create(t, "-f", "qcow2"), "-F", "qcow2"))
	extension := int(binary.BigEndian.Uint32(whole[atHeaderLength:]))
	endless := bytes.Clone(whole)
	for at := extension; at < extension+8*maxExtensions; at += 8 {
		binary.BigEndian.PutUint64(endless[at:], 7<<32)
	}
	name := binary.BigEndian.Uint64(whole[atBacking:])
	for what, c := range map[string]struct {
		image []byte
		want  string
	}{
		"header":                    {whole[:90], "header is cut off"},
		"version 2 header":          {with(whole, atVersion, uint32(2))[:60], "header is cut off"},
		"version of the future":     {with(whole, atVersion, uint32(4)), "version 4 is not known"},
		"backing name too long":     {with(whole, atBackingSize, uint32(1024)), "backing file lies beyond"},
		"backing name huge":         {with(whole, atBackingSize, uint32(1<<31)), "backing file lies beyond"},
		"backing name far away":     {with(whole, atBacking, uint64(1)<<63), "backing file lies beyond"},
		"backing name past cluster": {with(whole, atBacking, uint64(1)<<16), "backing file lies beyond"},
		"backing name cut off":      {whole[:name+5], "backing file lies beyond"},
		"backing name with a NUL":   {with(whole, int(name)+4, uint32(0)), "backing file: it has control characters"},
		"backing name with an ESC":  {with(whole, int(name)+4, uint32(0x1b5b316d)), "backing file: it has control characters"},
		"extension too long":        {with(whole, extension+4, uint32(1<<30)), "extension lies beyond"},
		"backing format too long":   {with(whole, extension+4, uint32(16)), "too long a name"},
		"backing format with a NUL": {with(whole, extension+8, uint32(0x71000000)), "the format of its backing file: it has control"},
		"endless extensions":        {with(endless, atBacking, uint64(0)), "too many header extensions"},
		"header of no length":       {with(whole, atHeaderLength, uint32(0)), "length of its header"},
		"header past its cluster":   {with(whole, atHeaderLength, uint32(1<<17)), "length of its header"},
		"beyond 8 EiB":              {with(whole, atSize, uint64(1)<<63), "virtual size is beyond"},
		"clusters of 256 bytes":     {with(whole, atClusterBits, uint32(8)), "cluster size is beyond"},
		"clusters of 4 MiB":         {with(whole, atClusterBits, uint32(22)), "cluster size is beyond"},
		"clusters beyond numbers":   {with(whole, atClusterBits, uint32(1<<31)), "cluster size is beyond"},
	} {
		got, err := Read(bytes.NewReader(c.image), int64(len(c.image)))
		if err == nil || errors.Is(err, ErrNotQCOW2) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
}

func TestReadTellsOtherFilesApart(t *testing.T) {
	qcow1 := read(t, create(t, "-f", "qcow"))
	for _, image := range [][]byte{nil, []byte("QFI"), []byte("QFI\xfb\x00\x00"), bytes.Repeat([]byte{0}, 512), qcow1} {
		if _, err := Read(bytes.NewReader(image), int64(len(image))); !errors.Is(err, ErrNotQCOW2) {
			t.Errorf("%.8q: %v", image, err)
		}
	}
}

func TestReadTakesUnusualHeaders(t *testing.T) {
	whole := read(t, create(t, "-f", "qcow2"))
	for what, c := range map[string]struct {
		image []byte
		want  Header
	}{
		"just below 8 EiB":    {with(whole, atSize, uint64(1)<<63-1), Header{Version: 3, Size: 1<<63 - 512}},
		"part of a sector":    {with(whole, atSize, uint64(4<<20+511)), Header{Version: 3, Size: 4 << 20}},
		"size zero":           {with(whole, atSize, uint64(0)), Header{Version: 3}},
		"empty backing name":  {with(whole, atBacking, uint64(len(whole[:4096]))), Header{Version: 3, Size: 4 << 20}},
		"dirty":               {with(whole, atIncompatible, dirtyBit), Header{Version: 3, Size: 4 << 20, Dirty: true}},
		"corrupt":             {with(whole, atIncompatible, corruptBit), Header{Version: 3, Size: 4 << 20, Corrupt: true}},
		"feature of tomorrow": {with(whole, atIncompatible, uint64(1)<<40), Header{Version: 3, Size: 4 << 20, Unknown: true}},
		"encrypted":           {with(whole, atCrypt, uint32(1)), Header{Version: 3, Size: 4 << 20, Encrypted: true}},
	} {
		if got, err := Read(bytes.NewReader(c.image), int64(len(c.image))); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", what, got, err, c.want)
		}
	}
}

func TestReadKnowsTheFeaturesOfQEMU(t *testing.T) {
	for _, options := range []string{"compression_type=zstd", "extended_l2=on,cluster_size=16k", "lazy_refcounts=on", "cluster_size=512"} {
		image := read(t, create(t, "-f", "qcow2", "-o", options))
		got, err := Read(bytes.NewReader(image), int64(len(image)))
		if want := (Header{Version: 3, Size: 4 << 20}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", options, got, err)
		}
	}
}

// meter counts what is read.
type meter struct {
	io.ReaderAt
	bytes int
}

func (m *meter) ReadAt(p []byte, at int64) (int, error) {
	m.bytes += len(p)
	return m.ReaderAt.ReadAt(p, at)
}

func TestLittleIsRead(t *testing.T) {
	for _, args := range [][]string{{"-f", "raw"}, {"-f", "qcow2"}, {"-f", "qcow2", "-b", create(t, "-f", "qcow2"), "-F", "qcow2"}} {
		image := read(t, create(t, args...))
		m := &meter{ReaderAt: bytes.NewReader(image)}
		if _, err := Source(m, int64(len(image))); m.bytes > 512 {
			t.Errorf("%v: %d bytes, %v", args, m.bytes, err)
		}
	}
}

func TestReadReportsADiskThatCannotBeRead(t *testing.T) {
	broken := errors.New("input/output error")
	for _, judge := range []func(io.ReaderAt, int64) error{
		func(r io.ReaderAt, n int64) error { _, err := Read(r, n); return err },
		func(r io.ReaderAt, n int64) error { _, err := Source(r, n); return err },
	} {
		if err := judge(faulty{broken}, 4096); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
}

type faulty struct{ err error }

func (f faulty) ReadAt([]byte, int64) (int, error) { return 0, f.err }
