package mmdebstrap

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// emptyDisk makes a file that is locked, as its user keeps it.
func emptyDisk(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "disk"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	must(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
	return file
}

func installed(t *testing.T) Tool {
	t.Helper()
	tool, err := Find()
	must(t, err)
	return tool
}

func TestBuildRefusesWhatItCannotBuild(t *testing.T) {
	tool, used := installed(t), emptyDisk(t)
	must(t, used.Truncate(1))
	for name, build := range map[string]func() error{
		"a suite that is none": func() error {
			return tool.Build(t.Context(), Config{Suite: "nosuch"}, "/w", emptyDisk(t), nil)
		},
		"a relative folder": func() error {
			return tool.Build(t.Context(), Config{Suite: "bookworm"}, "w", emptyDisk(t), nil)
		},
		"a used disk": func() error {
			return tool.Build(t.Context(), Config{Suite: "bookworm"}, "/w", used, nil)
		},
		"a bad package": func() error {
			return tool.Build(t.Context(), Config{Suite: "bookworm", Packages: []string{"-x"}}, "/w", emptyDisk(t), nil)
		},
	} {
		if err := build(); err == nil { // and no step was begun
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestACancelledBuildSaysWhereItStood(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := installed(t).Build(ctx, Config{Suite: "bookworm"}, t.TempDir(), emptyDisk(t), func(string) { cancel() })
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "install packages: ") {
		t.Errorf("%v", err)
	}
}

// output runs a tool that looks at the image.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}

// image is a finished one.
type image struct {
	*testing.T
	name string
	layout
}

func (i image) debugfs(request string) string {
	return output(i.T, "debugfs", "-R", request, fmt.Sprintf("%s?offset=%d", i.name, i.root.start))
}

// The only build in full: from this machine's mirror, with a keyring of the
// user's.
func TestTheImageIsCompleteAndHasNoIdentity(t *testing.T) {
	disk, work, keyring := emptyDisk(t), t.TempDir(), filepath.Join(t.TempDir(), "own.gpg")
	keys, err := os.ReadFile(distributions[0].keyring)
	must(t, err)
	must(t, os.WriteFile(keyring, keys, 0o644))
	tool := installed(t)
	tool.Inherit = []*os.File{disk}
	var steps []string
	c := Config{Suite: "bookworm", Keyring: keyring, Packages: []string{"less"}, Disk: MinDisk}
	must(t, tool.Build(t.Context(), c, work, disk, func(name string) { steps = append(steps, name) }))
	if want := []string{"install packages", "set up the system", "make file systems", "install the boot loader"}; !slices.Equal(steps, want) {
		t.Errorf("%q", steps)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	must(t, err)
	if strings.Contains(string(mounts), work) {
		t.Errorf("%s", mounts)
	}
	i := image{t, disk.Name(), layoutOf(MinDisk)}
	i.checkTable()
	i.checkBIOS(disk)
	i.checkUEFI()
	i.checkRoot()
	i.checkFiles()
}

func (i image) checkTable() {
	var found struct {
		PartitionTable struct {
			Label      string
			Partitions []struct {
				Start, Size int64
				Type        string
			}
		}
	}
	must(i.T, json.Unmarshal([]byte(output(i.T, "sfdisk", "-J", "--", i.name)), &found))
	parts := found.PartitionTable.Partitions
	if found.PartitionTable.Label != "gpt" || len(parts) != 3 {
		i.Fatalf("%+v", found)
	}
	for n, want := range []extent{i.core, i.esp, i.layout.root} {
		if parts[n].Start != want.sector() || parts[n].Size != want.size/sectorSize {
			i.Errorf("%+v", parts[n])
		}
	}
	if said := output(i.T, "sfdisk", "--verify", "--", i.name); !strings.Contains(said, "No errors detected") {
		i.Errorf("%s", said)
	}
}

func (i image) checkBIOS(disk *os.File) {
	var boot, core [sectorSize]byte
	_, err1 := disk.ReadAt(boot[:], 0)
	_, err2 := disk.ReadAt(core[:], i.core.start)
	must(i.T, errors.Join(err1, err2))
	if boot[450] != 0xee || binary.LittleEndian.Uint64(boot[0x5c:]) != 2048 || !strings.Contains(string(boot[:]), "GRUB ") {
		i.Errorf("%x", boot)
	}
	if binary.LittleEndian.Uint64(core[0x1f4:]) != 2049 {
		i.Errorf("%x", core)
	}
}

func (i image) checkUEFI() {
	loader := filepath.Join(i.TempDir(), "loader")
	output(i.T, "mcopy", "-i", i.copyESP(), "::/EFI/BOOT/BOOTX64.EFI", loader)
	content, err := os.ReadFile(loader)
	must(i.T, err)
	if !strings.HasPrefix(string(content), "MZ") || !strings.Contains(string(content), "search.fs_uuid") {
		i.Errorf("%d bytes, %.64q", len(content), content)
	}
}

// copyESP gives a file of its own, which mtools may lock.
func (i image) copyESP() string {
	all, err := os.Open(i.name)
	must(i.T, err)
	defer all.Close()
	content := make([]byte, i.esp.size)
	_, err = all.ReadAt(content, i.esp.start)
	must(i.T, err)
	name := filepath.Join(i.TempDir(), "esp")
	must(i.T, os.WriteFile(name, content, 0o600))
	output(i.T, "fsck.vfat", "-n", name)
	return name
}

func (i image) checkRoot() {
	output(i.T, "e2fsck", "-f", "-n", fmt.Sprintf("%s?offset=%d", i.name, i.layout.root.start))
	stats := i.debugfs("show_super_stats -h")
	uuid := regexp.MustCompile(`UUID: +(\S+)`).FindStringSubmatch(stats)
	if uuid == nil || !strings.Contains(stats, "volume name:   root\n") {
		i.Fatalf("%s", stats)
	}
	for _, name := range []string{"/etc/fstab", "/boot/grub/grub.cfg", "/boot/grub/load.cfg"} {
		if text := i.debugfs("cat " + name); !strings.Contains(text, uuid[1]) {
			i.Errorf("%s: %s", name, text)
		}
	}
	if menu := i.debugfs("cat /boot/grub/grub.cfg"); !strings.Contains(menu, kernelArguments) {
		i.Errorf("%s", menu)
	}
}

func (i image) checkFiles() {
	for name, want := range map[string]string{"/etc/machine-id": "^$", "/etc/hostname": "^localhost\n$", "/etc/shadow": `(?m)^root:\*:`,
		"/etc/apt/sources.list": `(?m)^deb \[signed-by=/etc/apt/keyrings/own.gpg\] \S+ bookworm main\n`, "/etc/cloud/cloud.cfg.d/99-image.cfg": "NoCloud"} {
		if text := i.debugfs("cat " + name); !regexp.MustCompile(want).MatchString(text) {
			i.Errorf("%s: %s", name, text)
		}
	}
	for folder, want := range map[string]string{"/etc/ssh": `/sshd_config/`, "/usr/bin": `/less/`, "/etc/apt/keyrings": "/own.gpg/",
		"/boot/grub/i386-pc": "/normal.mod/", "/boot/grub/x86_64-efi": "/normal.mod/",
		"/etc/systemd/system/multi-user.target.wants": "/systemd-networkd.service/"} {
		list := i.debugfs("ls -p " + folder)
		if !strings.Contains(list, want) || strings.Contains(list, "ssh_host") {
			i.Errorf("%s: %s", folder, list)
		}
	}
	if passwords := regexp.MustCompile(`(?m)^[^:]+:[^*!:]`).FindAllString(i.debugfs("cat /etc/shadow"), -1); passwords != nil {
		i.Errorf("%q have passwords", passwords)
	}
}
