package mmdebstrap

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPartitionsAreInOrderAndTheLastOneEndsBeforeTheTablesCopy(t *testing.T) {
	for _, size := range []int64{MinDisk, DefaultDisk, 3<<40 + mebibyte} {
		l := layoutOf(size)
		at := int64(mebibyte)
		for _, p := range []extent{l.core, l.esp, l.root} {
			if p.start != at || p.start%mebibyte != 0 || p.size < mebibyte || p.size%mebibyte != 0 {
				t.Errorf("%d: %+v", size, l)
			}
			at += p.size
		}
		if l.disk.size != size || size-at != mebibyte {
			t.Errorf("%d: %+v", size, l)
		}
	}
}

func TestThePartitionTableIsInSectors(t *testing.T) {
	want := `label: gpt
unit: sectors
start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, name="bios"
start=4096, size=131072, type=C12A7328-F81F-11D2-BA4B-00C93EC93B4B, name="efi"
start=135168, size=1959936, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="root"
`
	if got := layoutOf(MinDisk).script(); got != want {
		t.Errorf("%s", got)
	}
}

func TestUUIDsAreRandom(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if a, b := newUUID(), newUUID(); a == b || !form.MatchString(a) || !form.MatchString(b) {
		t.Errorf("%s, %s", a, b)
	}
}

func TestTheBootSectorKeepsTheTable(t *testing.T) {
	boot := append(bytes.Repeat([]byte{0xb0}, 510), 0x55, 0xaa)
	table := bytes.Repeat([]byte{0x7a}, sectorSize)
	sector, err := bootSector(boot, table, extent{start: 0x0102030405 * sectorSize})
	must(t, err)
	want := bytes.Join([][]byte{
		bytes.Repeat([]byte{0xb0}, 0x5c), {5, 4, 3, 2, 1, 0, 0, 0}, bytes.Repeat([]byte{0xb0}, 440-0x5c-8), bytes.Repeat([]byte{0x7a}, 72),
	}, nil)
	if !bytes.Equal(sector, want) || boot[0x5c] != 0xb0 {
		t.Errorf("%x", sector)
	}
	for _, bad := range [][]byte{nil, boot[:511], append(boot[:511:511], 0)} {
		if _, err := bootSector(bad, table, extent{}); err == nil {
			t.Errorf("%x", bad)
		}
	}
}

// core is like GRUB's: it says how many sectors follow its first.
func core(size, rest int) []byte {
	c := bytes.Repeat([]byte{0xc0}, size)
	binary.LittleEndian.PutUint16(c[coreBlockCount:], uint16(rest))
	return c
}

func TestTheCoreKnowsWhereItsRestIs(t *testing.T) {
	placed, err := placeCore(core(3*sectorSize-100, 2), extent{2048 * sectorSize, mebibyte})
	must(t, err)
	if len(placed) != 3*sectorSize || binary.LittleEndian.Uint64(placed[0x1f4:]) != 2049 || placed[0x1fc] != 2 || placed[0x1f3] != 0xc0 {
		t.Errorf("%x", placed)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "one sector": core(sectorSize, 0), "another count": core(3*sectorSize, 3), "too long": core(mebibyte+1, 2048),
	} {
		if _, err := placeCore(bad, extent{mebibyte, mebibyte}); err == nil {
			t.Errorf("%s was placed", name)
		}
	}
}

func TestTheLastKernelWithAnInitramfsBoots(t *testing.T) {
	tree := fstest.MapFS{
		"boot/vmlinuz-6.1.0-1-amd64": {}, "boot/initrd.img-6.1.0-1-amd64": {},
		"boot/vmlinuz-6.1.0-2-amd64": {}, "boot/initrd.img-6.1.0-2-amd64": {},
		"boot/vmlinuz-6.1.0-3-amd64": {},
	}
	if version, err := kernelVersion(tree); version != "6.1.0-2-amd64" || err != nil {
		t.Errorf("%q, %v", version, err)
	}
	if version, err := kernelVersion(fstest.MapFS{"boot/vmlinuz-6.1.0-1-amd64": {}}); err == nil {
		t.Errorf("%q", version)
	}
}

// fakeTree makes a tree of files and, with a "→", links.
func fakeTree(t *testing.T, names ...string) (*build, *os.Root) {
	t.Helper()
	b := &build{work: t.TempDir(), uuid: "1-2", release: release{distribution: distributions[0]}}
	for _, name := range names {
		name, target, link := strings.Cut(filepath.Join(b.tree(), name), "→")
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		if link {
			must(t, os.Symlink(target, name))
		} else {
			must(t, os.WriteFile(name, []byte("text"), 0o600))
		}
	}
	root, err := os.OpenRoot(b.tree())
	must(t, err)
	t.Cleanup(func() { must(t, root.Close()) })
	return b, root
}

func TestTracesOfTheBuildAreRemoved(t *testing.T) {
	_, root := fakeTree(t, "etc/machine-id", "etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key.pub", "etc/ssh/sshd_config",
		"var/lib/apt/lists/partial/x", "var/lib/apt/lists/InRelease", "etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
		"var/log/apt/term.log", "var/log/README→/etc/passwd", "var/cache/apt/archives/a.deb")
	must(t, clean(root))
	for name, want := range map[string]bool{
		"etc/ssh/ssh_host_rsa_key": false, "etc/ssh/ssh_host_rsa_key.pub": false, "etc/ssh/sshd_config": true, "var/lib/apt/lists": true,
		"var/lib/apt/lists/partial": false, "var/lib/apt/lists/InRelease": false, "etc/apt/apt.conf.d/99mmdebstrap": false,
		"etc/dpkg/dpkg.cfg.d/99mmdebstrap": false, "var/log/apt": true, "var/log/apt/term.log": false, "var/log/README": true,
		"var/cache/apt/archives/a.deb": false,
	} {
		if _, err := root.Lstat(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if id, err := root.ReadFile("etc/machine-id"); err != nil || len(id) > 0 {
		t.Errorf("%q, %v", id, err)
	}
}

func TestWrittenFilesReplaceLinksAndDoNotFollowThem(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "victim")
	must(t, os.WriteFile(outside, []byte("kept"), 0o600))
	b, root := fakeTree(t, "etc/hostname→"+outside, "etc/resolv.conf")
	must(t, b.writeFiles(root))
	for name, want := range map[string]string{"etc/hostname": "localhost\n", "etc/fstab": "UUID=1-2 / ext4 errors=remount-ro 0 1\n"} {
		if content, err := root.ReadFile(name); string(content) != want || err != nil {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
	if content, err := os.ReadFile(outside); string(content) != "kept" || err != nil {
		t.Errorf("%q, %v", content, err)
	}
	if target, err := root.Readlink("etc/resolv.conf"); target != "../run/systemd/resolve/stub-resolv.conf" || err != nil {
		t.Errorf("%q, %v", target, err)
	}
	_, root = fakeTree(t, "etc/cloud→"+filepath.Dir(outside))
	if err := b.writeFiles(root); err == nil {
		t.Error("a link to a folder was followed")
	}
}
