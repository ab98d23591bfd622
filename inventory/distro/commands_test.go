package distro

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sandbox is a folder that commands for an installed system work in.
type sandbox struct {
	*testing.T
	root string
}

// newSandbox makes files with these texts, and tools of the installers that only
// write down what they are called for.
func newSandbox(t *testing.T, files map[string]string) sandbox {
	s := sandbox{t, t.TempDir()}
	for path, text := range files {
		s.write(path, text, 0o644)
	}
	for _, tool := range []string{"in-target", "curtin", "systemctl"} {
		s.write("/bin/"+tool, "#!/bin/sh\necho \""+tool+" $*\" >>"+s.root+"/called\n", 0o755)
	}
	return s
}

func (s sandbox) write(path, text string, mode fs.FileMode) {
	s.Helper()
	path = s.root + path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.Fatal(err)
	}
}

// run runs a script whose absolute paths below these folders are the sandbox's.
func (s sandbox) run(shell, script string, folders ...string) error {
	s.Helper()
	for _, folder := range folders {
		script = strings.ReplaceAll(script, folder, s.root+folder)
	}
	out, err := run(s.T, "PATH="+s.root+"/bin:$PATH\n"+script, shell)
	if out != "" {
		s.Log(out)
	}
	return err
}

// files gives the texts of all files below a folder.
func (s sandbox) files(folder string) map[string]string {
	s.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.root+folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, s.root)] = string(text)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return found
}

const grubSettings = `GRUB_DEFAULT=0
GRUB_TIMEOUT=1
GRUB_RECORDFAIL_TIMEOUT=1
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200n8"
`

func late(t *testing.T, name string, files map[string]string) (sandbox, error) {
	t.Helper()
	p, _ := Find(name)
	s := newSandbox(t, files)
	return s, s.run("sh", lateCommand(t, p), "/target/", "/usr/lib/finish-install.d/")
}

func TestALateCommandLeavesTheNetworkToCloudInit(t *testing.T) {
	s, err := late(t, "debian12", map[string]string{
		"/target/etc/default/grub":                                   "GRUB_DEFAULT=0\n",
		"/target/etc/network/interfaces":                             "iface enp1s0 inet dhcp\n",
		"/target/etc/ssh/sshd_config.d/README":                       "",
		"/target/sbin/ifup":                                          "",
		"/target/usr/lib/python3/dist-packages/cloudinit/net/eni.py": "",
		"/target/etc/apt/sources.list":                               "deb http://ftp.debian.org/debian bookworm main\n",
		"/usr/lib/finish-install.d/55netcfg-copy-config":             "",
		"/usr/lib/finish-install.d/07preseed":                        "",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/target/etc/default/grub":                        grubSettings,
		"/target/etc/network/interfaces":                  "auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n",
		"/target/etc/ssh/sshd_config.d/README":            "",
		"/target/etc/ssh/sshd_config.d/60-keys-only.conf": "PasswordAuthentication no\n",
		"/target/etc/apt/sources.list":                    "deb http://ftp.debian.org/debian bookworm main\n",
	}
	if diff := cmp.Diff(want, s.files("/target/etc")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"/usr/lib/finish-install.d/07preseed": ""}, s.files("/usr/lib/finish-install.d")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("in-target update-grub\nin-target systemctl enable serial-getty@ttyS0.service\n", s.files("/called")["/called"]); diff != "" {
		t.Error(diff)
	}
}

// jessie's cloud-init is too old for networks, its SSH server for more files.
func TestALateCommandOfAnOldReleaseKeepsItsNetwork(t *testing.T) {
	s, err := late(t, "debian8", map[string]string{
		"/target/etc/default/grub":                  "GRUB_DEFAULT=0\n",
		"/target/etc/network/interfaces":            "iface eth0 inet dhcp\n",
		"/target/etc/apt/apt.conf.d/00CDMountPoint": "",
		"/target/etc/apt/sources.list":              "deb http://archive.debian.org/debian jessie main\n",
		"/target/sbin/ifup":                         "",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/target/etc/default/grub":                  grubSettings,
		"/target/etc/network/interfaces":            "iface eth0 inet dhcp\n",
		"/target/etc/apt/apt.conf.d/00CDMountPoint": "",
		"/target/etc/apt/apt.conf.d/90archived":     "Acquire::Check-Valid-Until \"false\";\n",
		"/target/etc/apt/sources.list":              "deb http://archive.debian.org/debian jessie main\ndeb http://archive.debian.org/debian-security jessie/updates main\n",
	}
	if diff := cmp.Diff(want, s.files("/target/etc")); diff != "" {
		t.Error(diff)
	}
	if called := s.files("/called")["/called"]; !strings.Contains(called, "\nin-target sed -i 1i PasswordAuthentication no /etc/ssh/sshd_config\n") {
		t.Error(called)
	}
}

func TestALateCommandOfUbuntuDropsNetplansFile(t *testing.T) {
	s, err := late(t, "ubuntu1804", map[string]string{
		"/target/etc/default/grub":                                   "",
		"/target/etc/netplan/01-netcfg.yaml":                         "",
		"/target/etc/netplan/keep":                                   "",
		"/target/usr/lib/python3/dist-packages/cloudinit/net/eni.py": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"/target/etc/netplan/keep": ""}, s.files("/target/etc/netplan")); diff != "" {
		t.Error(diff)
	}
}

// oldRelease has all that the late command of an archived release looks at.
func oldRelease() map[string]string {
	return map[string]string{
		"/target/etc/default/grub":                                   "",
		"/target/etc/network/interfaces":                             "",
		"/target/etc/ssh/sshd_config.d/README":                       "",
		"/target/etc/apt/sources.list":                               "deb http://archive.debian.org/debian buster main\n",
		"/target/etc/apt/apt.conf.d/README":                          "",
		"/target/sbin/ifup":                                          "",
		"/target/usr/lib/python3/dist-packages/cloudinit/net/eni.py": "",
	}
}

// What fails must be seen by the installer, which then does not power off.
func TestALateCommandFailsWithEachOfItsParts(t *testing.T) {
	if _, err := late(t, "debian10", oldRelease()); err != nil {
		t.Fatal(err)
	}
	for _, unwritable := range []string{
		"/target/etc/default/grub", "/target/etc/network/interfaces", "/target/etc/ssh/sshd_config.d/60-keys-only.conf",
		"/target/etc/apt/apt.conf.d/90archived", "/target/etc/netplan/a-folder.yaml",
	} {
		files := oldRelease()
		delete(files, unwritable)
		files[unwritable+"/in-a-folder"] = ""
		if _, err := late(t, "debian10", files); err == nil {
			t.Errorf("%s cannot be written or removed, and nobody sees it", unwritable)
		}
	}
}

func TestALateCommandFailsWithTheToolsItCalls(t *testing.T) {
	for _, call := range []string{"update-grub", "systemctl enable serial-getty@ttyS0.service", "sed -i 1i PasswordAuthentication no /etc/ssh/sshd_config"} {
		files := oldRelease()
		delete(files, "/target/etc/ssh/sshd_config.d/README")
		s := newSandbox(t, files)
		s.write("/bin/in-target", "#!/bin/sh\n[ \"$*\" != '"+call+"' ]\n", 0o755)
		p, _ := Find("debian10")
		if err := s.run("sh", lateCommand(t, p), "/target/", "/usr/lib/finish-install.d/"); err == nil {
			t.Errorf("%s fails, and nobody sees it", call)
		}
	}
}

func TestLateCommandsOfAutoinstallLeaveNothingOfTheInstaller(t *testing.T) {
	for _, p := range profilesOf(t, Autoinstall) {
		s := newSandbox(t, map[string]string{
			"/target/etc/cloud/cloud.cfg.d/05_logging.cfg":                             "",
			"/target/etc/cloud/cloud.cfg.d/90-installer-network.cfg":                   "",
			"/target/etc/cloud/cloud.cfg.d/99-installer.cfg":                           "growpart: {mode: off}\n",
			"/target/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg": "network: {config: disabled}\n",
			"/target/etc/cloud/clean.d/99-installer":                                   "",
			"/target/etc/cloud/ds-identify.cfg":                                        "policy: enabled\n",
			"/target/etc/default/grub.d/50-curtin-settings.cfg":                        "",
			"/target/etc/netplan/00-installer-config.yaml":                             "",
			"/target/etc/ssh/sshd_config.d/README":                                     "",
		})
		for _, command := range autoinstall(t, p).Late {
			if err := s.run("sh", command, "/target/"); err != nil {
				t.Errorf("%s: %v: %s", p.Name, err, command)
			}
		}
		want := map[string]string{
			"/target/etc/cloud/cloud.cfg.d/05_logging.cfg":      "",
			"/target/etc/default/grub.d/50-curtin-settings.cfg": "",
			"/target/etc/default/grub.d/60-console.cfg":         "GRUB_TIMEOUT=1\nGRUB_RECORDFAIL_TIMEOUT=1\nGRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200n8\"\n",
			"/target/etc/ssh/sshd_config.d/60-keys-only.conf":   "PasswordAuthentication no\n",
			"/target/etc/ssh/sshd_config.d/README":              "",
		}
		if diff := cmp.Diff(want, s.files("/target")); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
		called := "curtin in-target -- passwd --lock root\ncurtin in-target -- update-grub\ncurtin in-target -- systemctl enable serial-getty@ttyS0.service\n"
		if diff := cmp.Diff(called, s.files("/called")["/called"]); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
	}
}
