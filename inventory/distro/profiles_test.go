package distro

import (
	"bytes"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheNamesAreSortedAndEachIsFound(t *testing.T) {
	want := []string{
		"alma10", "alma8", "alma9", "centos7", "centosstream10", "centosstream9",
		"debian10", "debian11", "debian12", "debian13", "debian8", "debian9", "fedora43", "fedora44",
		"rocky10", "rocky8", "rocky9", "ubuntu1604", "ubuntu1804", "ubuntu2004", "ubuntu2204", "ubuntu2404",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Error(diff)
	}
	for _, name := range Names() {
		if p, ok := Find(name); !ok || p.Name != name {
			t.Errorf("Find(%q) gave %q, %v", name, p.Name, ok)
		}
	}
	for _, name := range []string{"", "debian", "Debian12"} {
		if p, ok := Find(name); ok {
			t.Errorf("Find(%q) gave %q", name, p.Name)
		}
	}
}

func TestAProfileBelongsToWhoFoundIt(t *testing.T) {
	for _, name := range Names() {
		p, _ := Find(name)
		clear(p.Answers.Content)
		if again, _ := Find(name); bytes.Equal(again.Answers.Content, p.Answers.Content) {
			t.Errorf("%s: what was written into its answers is found again", name)
		}
	}
}

func TestEveryProfileIsComplete(t *testing.T) {
	for _, p := range all() {
		t.Run(p.Name, func(t *testing.T) {
			location, err := url.Parse(p.Location)
			if err != nil || location.Host == "" || !slices.Contains([]string{"https", "http"}, location.Scheme) {
				t.Errorf("the location is %q", p.Location)
			}
			if isImage := strings.HasSuffix(p.Location, ".iso"); isImage != (p.Answers.Kind == Autoinstall) || !isImage && !strings.HasSuffix(p.Location, "/") {
				t.Errorf("the location of %s answers is %q", p.Answers.Kind, p.Location)
			}
			if p.Memory < 1<<30 || p.Memory > 4<<30 || p.Disk < 8<<30 || p.Disk > 20<<30 {
				t.Errorf("memory %d, disk %d", p.Memory, p.Disk)
			}
			if p.Tested != (p.Name == "debian12") {
				t.Errorf("tested: %v", p.Tested)
			}
		})
	}
}

// wanted are texts that answers of a kind must have, with what they do.
var wanted = map[Kind]map[string]string{
	Preseed: {
		"power off":       "\nd-i debian-installer/exit/poweroff boolean true\n",
		"lock root":       "\nd-i passwd/root-password-crypted password !\n",
		"ask for no root": "\nd-i passwd/root-login boolean true\n",
		"make no user":    "\nd-i passwd/make-user boolean false\n",
		"take the disk":   "\nd-i partman-auto/disk string /dev/vda\n",
		"grow the last":   "\t1000 10000 -1 ext4 $primary{ } ",
		"have no swap":    "\nd-i partman-basicfilesystems/no_swap boolean false\n",
		"boot from it":    "\nd-i grub-installer/bootdev string /dev/vda\n",
		"take packages":   "\nd-i pkgsel/include string openssh-server cloud-init cloud-guest-utils qemu-guest-agent sudo\n",
		"use UTC":         "\nd-i time/zone string Etc/UTC\n",
	},
	Kickstart: {
		"power off":     "\npoweroff\n",
		"lock root":     "\nrootpw --lock\n",
		"take the disk": "\nignoredisk --only-use=vda\n",
		"grow the last": "\npart / --fstype=ext4 --size=4096 --grow --ondisk=vda\n",
		"boot from it":  "\nbootloader --boot-drive=vda ",
		"take packages": "\n%packages\n@core\nopenssh-server\ncloud-init\ncloud-utils-growpart\nqemu-guest-agent\n%end\n",
		"use UTC":       "\ntimezone Etc/UTC --utc\n",
		"reach out":     "\nnetwork --bootproto=dhcp --device=link --activate\n",
	},
	Autoinstall: {
		"power off":     "\n  shutdown: poweroff\n",
		"lock root":     "\n    - curtin in-target -- passwd --lock root\n",
		"take the disk": "\n      - {id: disk, type: disk, path: /dev/vda, ptable: gpt, ",
		"grow the last": "\n      - {id: root, type: partition, device: disk, number: 2, size: -1, ",
		"boot from it":  ", grub_device: true}\n",
		"have no swap":  "\n    swap: {size: 0}\n",
		"take packages": "\n  packages: [openssh-server, cloud-init, cloud-guest-utils, qemu-guest-agent]\n",
		"use UTC":       "\n  timezone: UTC\n",
	},
	"": {
		"show a console": "console=tty0 console=ttyS0,115200n8",
		"log in there":   "systemctl enable serial-getty@ttyS0.service",
		"want SSH keys":  "PasswordAuthentication no",
	},
}

func TestTheAnswersSayWhatAllMachinesHave(t *testing.T) {
	for _, p := range all() {
		for _, kind := range []Kind{p.Answers.Kind, ""} {
			for purpose, text := range wanted[kind] {
				if !bytes.Contains(p.Answers.Content, []byte(text)) {
					t.Errorf("%s does not %s: %q is missing", p.Name, purpose, text)
				}
			}
		}
	}
}

// secret matches what sets a password, names a user, or makes swap or LVM.
var secret = regexp.MustCompile(`(?m)\$[0-9y]\$|root-password |user-password|plaintext|iscrypted|^user |^sshpw |identity:|passwd:|linux-swap|lvm|autopart`)

func TestNoAnswersHaveAPasswordAUserSwapOrLVM(t *testing.T) {
	for _, p := range all() {
		if found := secret.Find(p.Answers.Content); found != nil {
			t.Errorf("%s has %q", p.Name, found)
		}
	}
}

func TestTheAnswersNameTheSourceOfTheirPackages(t *testing.T) {
	for name, lines := range map[string][]string{
		"debian8":    {"d-i mirror/http/hostname string archive.debian.org", "d-i mirror/http/directory string /debian", "d-i mirror/suite string jessie", "d-i apt-setup/services-select multiselect", "d-i preseed/early_command string date -s '2022-01-01 00:00'"},
		"debian10":   {"d-i mirror/http/hostname string archive.debian.org", "d-i mirror/suite string buster", "d-i apt-setup/services-select multiselect"},
		"debian12":   {"d-i mirror/http/hostname string ftp.debian.org", "d-i mirror/http/directory string /debian", "d-i mirror/suite string bookworm", "d-i apt-setup/services-select multiselect security, updates"},
		"ubuntu1804": {"d-i mirror/http/hostname string archive.ubuntu.com", "d-i mirror/http/directory string /ubuntu", "d-i mirror/suite string bionic", "d-i partman-swapfile/size string 0"},
		"rocky9":     {"url --url=https://download.rockylinux.org/pub/rocky/9/BaseOS/x86_64/os/", "repo --name=AppStream --baseurl=https://download.rockylinux.org/pub/rocky/9/AppStream/x86_64/os/"},
		"centos7":    {"url --url=https://vault.centos.org/7.9.2009/os/x86_64/", "repo --name=centos-extras --baseurl=https://vault.centos.org/7.9.2009/extras/x86_64/"},
		"fedora44":   {"url --url=https://dl.fedoraproject.org/pub/fedora/linux/releases/44/Everything/x86_64/os/"},
	} {
		p, _ := Find(name)
		have := strings.Split(string(p.Answers.Content), "\n")
		for _, line := range lines {
			if !slices.Contains(have, line) {
				t.Errorf("%s has no line %q", name, line)
			}
		}
	}
}

var word = regexp.MustCompile(`@[A-Z]+@`)

func TestEveryAnswerFileIsUsedAndEveryWordReplaced(t *testing.T) {
	for _, p := range all() {
		if left := word.Find(p.Answers.Content); left != nil {
			t.Errorf("%s still has %s", p.Name, left)
		}
	}
	files, err := os.ReadDir("answers")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile("answers/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		pieces := word.Split(string(text), -1)
		if !slices.ContainsFunc(all(), func(p Profile) bool { return hasAll(p.Answers.Content, pieces) }) {
			t.Errorf("no profile has the text of answers/%s", file.Name())
		}
	}
}

func hasAll(text []byte, pieces []string) bool {
	return !slices.ContainsFunc(pieces, func(piece string) bool { return !bytes.Contains(text, []byte(piece)) })
}
