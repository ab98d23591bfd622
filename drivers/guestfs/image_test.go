package guestfs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func find(t *testing.T) Tool {
	t.Helper()
	tool, err := Find()
	must(t, err)
	return tool
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

// applets are what the scripts need of an image.
var applets = strings.Fields("sh cat chmod chown cp find grep id ip ln ls mkdir mv rm rmdir sed touch")

// packageManager stands for the real one: it says how it was called, and leaves
// what packages leave.
const packageManager = `#!/bin/sh
case "$*" in *install*) echo "$@" >/root/installed
	echo new >/etc/ssh/ssh_host_ed25519_key
	echo log >/var/log/apt/term.log
	cat /etc/machine-id >/root/id-for-packages ;;
esac
`

// debian is a minimal tree that libguestfs takes for Debian, with all that a
// machine gathers in its life.
var debian = map[string]string{
	"etc/os-release":           "ID=debian\nVERSION_ID=\"12\"\nNAME=\"Debian GNU/Linux\"\n",
	"etc/debian_version":       "12.5\n",
	"etc/fstab":                "/dev/vda / ext4 defaults 0 1\n",
	"etc/passwd":               "root:x:0:0:root:/root:/bin/sh\nme:x:1000:1000::/home/me:/bin/sh\n",
	"etc/group":                "root:x:0:\nme:x:1000:\n",
	"etc/passwd-":              "old\n",
	"etc/machine-id":           "0123456789abcdef0123456789abcdef\n",
	"var/lib/dbus/machine-id":  "0123456789abcdef0123456789abcdef\n",
	"etc/ssh/ssh_host_rsa_key": "old",
	"etc/ssh/sshd_config":      "kept",
	"etc/udev/rules.d/70-persistent-net.rules":     "52:54:00:11:22:33",
	"etc/default/grub":                             "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\n",
	"boot/grub/grub.cfg":                           "if true ; then\n  set timeout=5\nelse\n  set timeout=30\nfi\nmenuentry x\n",
	"etc/cloud/cloud.cfg.d/90_dpkg.cfg":            "datasource_list: [ Ec2 ]\n",
	"usr/lib/systemd/systemd":                      "",
	"usr/lib/systemd/system/x-wait-online.service": "[Service]\n",
	"usr/lib/systemd/system/ssh.service":           "[Service]\n",
	"usr/share/zoneinfo/Europe/Berlin":             "TZif2",
	"usr/bin/apt-get":                              packageManager,
	"var/lib/cloud/instances/i-1/user-data":        "secret",
	"var/lib/cloud/seed/nocloud/meta-data":         "kept",
	"var/lib/dhcp/dhclient.leases":                 "lease",
	"var/lib/systemd/random-seed":                  "seed",
	"var/lib/apt/lists/deb_Packages":               "list",
	"var/cache/apt/archives/x.deb":                 "package",
	"var/log/syslog":                               "log",
	"var/log/syslog.1":                             "log",
	"var/log/own/service.log":                      "log",
	"var/log/journal/0123/system.journal":          "log",
	"var/log/apt/history.log":                      "log",
	"var/spool/cron/crontabs/root":                 "kept",
	"root/.bash_history":                           "rm",
	"root/.ssh/authorized_keys":                    "ssh-ed25519 AAAA old\n",
	"root/notes.bak":                               "kept",
	"home/me/.ash_history":                         "rm",
	"home/me/.ssh/authorized_keys":                 "ssh-ed25519 AAAA me\n",
	"tmp/left":                                     "x",
	"var/tmp/left":                                 "x",
	"bin/":                                         "", "sbin/": "", "dev/": "", "proc/": "", "sys/": "", "run/": "",
}

// image makes a qcow2 image that is one file system with that tree.
func image(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	tree, raw, image := filepath.Join(folder, "tree"), filepath.Join(folder, "raw"), filepath.Join(folder, "image")
	for name, content := range debian {
		path := filepath.Join(tree, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(path, 0o755))
			continue
		}
		must(t, os.WriteFile(path, []byte(content), 0o755))
	}
	output(t, "cp", "/bin/busybox", filepath.Join(tree, "bin/busybox"))
	for _, name := range applets {
		must(t, os.Link(filepath.Join(tree, "bin/busybox"), filepath.Join(tree, "bin", name)))
	}
	output(t, "/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, raw, "32M")
	output(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, image)
	return image
}

// content is the folder into which the tree of an image was copied, with its
// modes and owners.
func content(t *testing.T, image string) string {
	t.Helper()
	folder := t.TempDir()
	raw := filepath.Join(folder, "raw")
	output(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, raw)
	output(t, "/sbin/e2fsck", "-fn", raw)
	output(t, "/sbin/debugfs", "-R", "rdump / "+folder, raw)
	return folder
}
