package mmdebstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// distribution is what differs between the distributions.
type distribution struct {
	name           string // as in the files of distro-info-data
	origin         string // of its archives, in their Release files
	keyring        string // here and in the image
	keyringPackage string // that has it here
	components     []string
	kernel         string
}

var distributions = []distribution{{
	name:           "debian",
	origin:         "Debian",
	keyring:        "/usr/share/keyrings/debian-archive-keyring.gpg",
	keyringPackage: "debian-archive-keyring",
	components:     []string{"main"},
	kernel:         "linux-image-cloud-amd64",
}, {
	name:           "ubuntu",
	origin:         "Ubuntu",
	keyring:        "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
	keyringPackage: "ubuntu-keyring",
	components:     []string{"main", "universe"}, // qemu-guest-agent was there for long
	kernel:         "linux-image-virtual",
}}

// bootPackages make an image that boots in a guest, takes its identity from a
// seed, its address by DHCP, and answers SSH and the hypervisor. The boot
// loader's are those that ask nothing about devices when they are upgraded.
// libnss-resolve brings the resolver, whatever package has that.
var bootPackages = []string{
	"ca-certificates", "cloud-guest-utils", "cloud-init", "dbus", "e2fsprogs", "fdisk",
	"grub-efi-amd64-bin", "grub-pc-bin", "grub2-common", "initramfs-tools", "iproute2", "libnss-resolve",
	"libpam-systemd", "netplan.io", "openssh-server", "qemu-guest-agent", "sudo", "systemd-sysv",
	"systemd-timesyncd", "udev", "zstd",
}

// packages gives all that are installed, without doubles.
func (d distribution) packages(more []string) []string {
	all := slices.Concat([]string{d.kernel}, bootPackages, more)
	slices.Sort(all)
	return slices.Compact(all)
}

// Packages are all that an image of the suite is built with, sorted.
func Packages(suite string) ([]string, error) {
	r, err := releaseOf(suite, seriesFolder)
	if err != nil {
		return nil, err
	}
	return r.packages(nil), nil
}

// release is a series of a distribution.
type release struct {
	distribution
	suite   string
	updates bool // it has archives for updates and security updates
}

// releaseOf finds a suite in the files that say which series there are, which
// the distributions keep up to date.
func releaseOf(suite, folder string) (release, error) {
	for _, d := range distributions {
		text, err := os.ReadFile(folder + "/" + d.name + ".csv")
		if errors.Is(err, fs.ErrNotExist) {
			return release{}, errors.New("the list of the distributions' series is not installed (apt-get install distro-info-data)")
		}
		if err != nil {
			return release{}, fmt.Errorf("look up the suite: %w", err)
		}
		if version, found := seriesIn(string(text), suite); found {
			return release{d, suite, version != ""}, nil
		}
	}
	return release{}, fmt.Errorf("%q is the code name of no series of Debian or Ubuntu", suite)
}

// seriesIn finds a series and its version, which one that is never released
// has not. Each line has version, full name, series.
func seriesIn(text, series string) (version string, found bool) {
	_, lines, _ := strings.Cut(text, "\n") // the first has the names of the columns
	for line := range strings.Lines(lines) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) > 2 && fields[2] == series && series != "" {
			return strings.TrimSuffix(fields[0], " LTS"), true
		}
	}
	return "", false
}

// keyringFile gives the keyring that the archives are checked with.
func (r release) keyringFile(c Config) (string, error) {
	if c.Keyring != "" {
		return c.Keyring, nil
	}
	if _, err := os.Stat(r.keyring); err != nil {
		return "", fmt.Errorf("the keyring of %s is not installed (apt-get install %s)", r.origin, r.keyringPackage)
	}
	return r.keyring, nil
}
