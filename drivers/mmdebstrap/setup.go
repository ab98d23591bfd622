package mmdebstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// kernelArguments give a console on the screen and on the serial line.
const kernelArguments = "console=tty0 console=ttyS0,115200"

// files are what the image has beside its packages' own.
func (b *build) files() map[string]string {
	return map[string]string{
		"etc/fstab":    fmt.Sprintf("UUID=%s / ext4 errors=remount-ro 0 1\n", b.uuid),
		"etc/hostname": "localhost\n",
		"etc/hosts":    "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
		"etc/default/grub": "GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_RECORDFAIL_TIMEOUT=0\nGRUB_TERMINAL=console\n" +
			"GRUB_DISTRIBUTOR=" + b.release.origin + "\n" +
			"GRUB_CMDLINE_LINUX=\"" + kernelArguments + "\"\n",
		// Another source of seeds would be waited for. One kind of host key is
		// quick to make; this locale needs no making; the sources of packages
		// are those of the build.
		"etc/cloud/cloud.cfg.d/99-image.cfg": "datasource_list: [ NoCloud, None ]\n" +
			"ssh_genkeytypes: [ ed25519 ]\n" +
			"locale: C.UTF-8\n" +
			"apt: { preserve_sources_list: true }\n",
		// One interface is a network. A guest without any boots all the same.
		"etc/systemd/system/systemd-networkd-wait-online.service.d/50-image.conf": "[Service]\nExecStart=\n" +
			"ExecStart=/lib/systemd/systemd-networkd-wait-online --any --timeout=10\n",
	}
}

// traces are patterns of what a build leaves and no two guests may share, or
// what holds for the build alone.
var traces = []string{
	"etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
	"etc/ssh/ssh_host_*", "var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/cache/ldconfig/aux-cache",
	"var/lib/apt/lists/*", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed",
}

// setUp makes the installed packages a system that boots and has no identity.
// Nothing of it leads out of the tree, whatever links are there.
func (b *build) setUp(ctx context.Context) error {
	enable := []string{"enable", "systemd-networkd.service"}
	if err := b.run(ctx, command{path: "/usr/bin/systemctl", args: enable, root: b.tree()}); err != nil {
		return err
	}
	root, err := os.OpenRoot(b.tree())
	if err != nil {
		return err
	}
	defer root.Close()
	if err := errors.Join(clean(root), b.writeFiles(root), b.keepKeyring(root)); err != nil {
		return err
	}
	return b.prepareBoot(root)
}

func clean(root *os.Root) error {
	for _, pattern := range traces {
		names, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := root.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return errors.Join(removeLogs(root), root.WriteFile("etc/machine-id", nil, 0o444))
}

// removeLogs leaves the empty ones: they came with their packages, with the
// owners that these want.
func removeLogs(root *os.Root) error {
	return fs.WalkDir(root.FS(), "var/log", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.Size() == 0 {
			return err
		}
		return root.Remove(name)
	})
}

// writeFiles has the guest's own resolver for the build machine's.
func (b *build) writeFiles(root *os.Root) error {
	for name, text := range b.files() {
		if err := writeFile(root, name, []byte(text)); err != nil {
			return err
		}
	}
	if err := root.RemoveAll("etc/resolv.conf"); err != nil {
		return err
	}
	return root.Symlink("../run/systemd/resolve/stub-resolv.conf", "etc/resolv.conf")
}

// writeFile makes a file anew, for all to read whatever the umask is.
func writeFile(root *os.Root, name string, content []byte) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	return errors.Join(root.WriteFile(name, content, 0o644), root.Chmod(name, 0o644))
}

// keepKeyring gives the image a keyring that none of its packages has, and its
// sources of packages the name of it.
func (b *build) keepKeyring(root *os.Root) error {
	if b.config.Keyring == "" {
		return nil
	}
	keys, err := os.ReadFile(b.keyring)
	if err != nil {
		return err
	}
	sources, err := root.ReadFile("etc/apt/sources.list")
	if err != nil {
		return err
	}
	name := path.Join("etc/apt/keyrings", filepath.Base(b.keyring))
	sources = bytes.ReplaceAll(sources, []byte(b.keyring), []byte("/"+name))
	return errors.Join(writeFile(root, name, keys), writeFile(root, "etc/apt/sources.list", sources))
}
