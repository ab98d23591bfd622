package virtinstall

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pcloud-apply/test/lab"
)

// installer stands for a real one: it writes to the disk what it was told, and
// does at its end what the kernel's argument "end" says.
const installer = `#!/bin/sh
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s
mount -t devtmpfs devtmpfs /dev
exec >/dev/ttyS0 2>&1
while read -r module; do insmod "/lib/$module.ko"; done </etc/modules
mount -o ro -t iso9660 /dev/vdb /mnt
for file in /preseed.cfg /ks.cfg /mnt/user-data; do
	[ ! -e "$file" ] || sum=$(sha256sum <"$file")
done
echo "installed ${sum%% *} $(cat /proc/cmdline)" | dd of=/dev/vda conv=notrunc,fsync
echo "installer is done"
case $(cat /proc/cmdline) in
*end=reboot*) reboot -f ;;
*end=never*) sleep 1000000 ;;
*) poweroff -f ;;
esac
`

// world is a hypervisor with an installer in a tree.
type world struct {
	*lab.Lab
	tool Tool
	tree string
}

func newWorld(t *testing.T) world {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a lab needs root")
	}
	tool, err := Find()
	must(t, err)
	w := world{lab.New(t), tool, t.TempDir()}
	dir := filepath.Join(w.tree, "images/pxeboot")
	must(t, os.MkdirAll(dir, 0o700))
	disk := rawTiny(t)
	for from, to := range map[string]string{"vmlinuz": "vmlinuz", "initrd": "initrd.img"} {
		output(t, "debugfs", "-R", "dump /boot/"+from+" "+filepath.Join(dir, to), disk+"?offset=1048576")
	}
	initrd, err := os.OpenFile(filepath.Join(dir, "initrd.img"), os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	var init bytes.Buffer
	entry(&init, "init", 0o100755, []byte(installer))
	entry(&init, "TRAILER!!!", noFile, nil)
	packed := gzip.NewWriter(initrd)
	_, err = packed.Write(init.Bytes())
	must(t, errors.Join(err, packed.Close(), initrd.Close()))
	return w
}

// rawTiny is the tiny guest, whose kernel and initrd the installer has.
func rawTiny(t *testing.T) string {
	t.Helper()
	tiny, err := lab.TinyImage()
	must(t, err)
	raw := filepath.Join(t.TempDir(), "tiny")
	output(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", tiny, raw)
	return raw
}

// newTrial has a disk in the pool's folder, of which libvirt knows nothing.
func (w world) newTrial(t *testing.T, answers Answers) trial {
	t.Helper()
	work, err := os.MkdirTemp("", "virtinstall-")
	must(t, err)
	disk := filepath.Join(w.Pool(), ".pcloud-lab.1.tmp")
	t.Cleanup(func() { must(t, errors.Join(os.RemoveAll(work), os.Remove(disk))) })
	must(t, errors.Join(os.Chmod(work, 0o711), os.WriteFile(disk, nil, 0o600), os.Truncate(disk, 64*mebibyte)))
	c := plain("")
	c.URI, c.Location, c.Kernel, c.Initrd, c.Answers = w.URI(), w.tree, "", "", answers
	return trial{c, work, disk, w.tool.Paths}
}

// state is all of the host but the disk under construction, and what the tools
// are known to leave elsewhere.
func (w world) state(t *testing.T) lab.Snapshot {
	t.Helper()
	all, err := lab.World(w.Lab)
	must(t, err)
	state := all.Only(func(name string) bool {
		return !strings.HasPrefix(name, "temporary/") && !strings.HasPrefix(name, "file/.pcloud-")
	})
	for _, folder := range []string{"/var/lib/libvirt/boot", filepath.Dir(w.Pool()) + "/lib/boot", "/root/.cache/virt-manager"} {
		entries, err := os.ReadDir(folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		state[folder] = fmt.Sprint(entries)
	}
	return state
}

func (w world) mustBeAsBefore(t *testing.T, before lab.Snapshot) {
	t.Helper()
	if diff := before.Diff(w.state(t)); diff != "" {
		t.Errorf("the host has changed:\n%s", diff)
	}
}

// mustBeInstalled reads what the installer wrote.
func (r trial) mustBeInstalled(t *testing.T, args string) {
	t.Helper()
	disk, err := os.Open(r.Disk)
	must(t, err)
	defer disk.Close()
	text := make([]byte, 512)
	_, err = io.ReadFull(disk, text)
	must(t, err)
	want := fmt.Sprintf("installed %x console=ttyS0,115200n8 %s\n", sha256.Sum256(r.Config.Answers.Content), args)
	if got := string(bytes.TrimRight(text, "\x00")); got != want {
		t.Errorf("the disk has %q, not %q", got, want)
	}
}

// keepsSecrets looks for answers that others can read. Of the initrd it is
// enough that none can.
func (r trial) keepsSecrets(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(r.Work, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if info.Mode()&0o077 != 0 && (filepath.Dir(path) == r.Work || bytes.Contains(content, []byte("s3cret"))) {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	must(t, err)
}

// image makes an ISO image of the tree, and tells whether it is still as it was.
func (w world) image(t *testing.T) (iso string, asBefore func()) {
	t.Helper()
	iso = filepath.Join(w.Pool(), "an, installer.iso")
	output(t, "xorriso", "-as", "mkisofs", "-quiet", "-R", "-o", iso, w.tree)
	t.Cleanup(func() { must(t, os.Remove(iso)) })
	before := output(t, "stat", "--format=%u:%g %a %z", iso)
	return iso, func() {
		if now := output(t, "stat", "--format=%u:%g %a %z", iso); now != before {
			t.Errorf("the image is %q, not %q", now, before)
		}
	}
}

func TestRealInstallations(t *testing.T) {
	w := newWorld(t)
	t.Run("preseed from a folder", func(t *testing.T) {
		w.install(t, w.newTrial(t, Answers{"preseed", []byte(secret)}), "auto=true priority=critical")
	})
	t.Run("kickstart from an image in the pool", func(t *testing.T) {
		iso, asBefore := w.image(t)
		r := w.newTrial(t, Answers{"kickstart", []byte(secret)})
		r.Config.Location, r.Config.KernelArgs = iso, `end=reboot x="a, b"`
		w.install(t, r, `inst.ks=file:/ks.cfg inst.text end=reboot x="a, b"`)
		asBefore()
	})
	t.Run("autoinstall from a server", func(t *testing.T) {
		server := httptest.NewServer(http.FileServer(http.Dir(w.tree)))
		t.Cleanup(server.Close)
		r := w.newTrial(t, Answers{"autoinstall", []byte("#cloud-config\nautoinstall: {p: s3cret}\n")})
		r.Config.Location = server.URL
		w.install(t, r, "autoinstall")
	})
	t.Run("begun after its end", w.refusesLateDomains)
	t.Run("ended in the middle", w.ends)
}

func (w world) install(t *testing.T, r trial, args string) {
	t.Helper()
	before := w.state(t)
	must(t, r.run(t.Context(), func(string) {}))
	r.mustBeInstalled(t, args)
	r.keepsSecrets(t)
	w.mustBeAsBefore(t, before)
}

func (w world) ends(t *testing.T) {
	t.Run("by the caller", func(t *testing.T) {
		r, before := w.endless(t)
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { result <- r.run(ctx, func(string) {}) }()
		w.waitForInstaller(t, r)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) || !strings.HasSuffix(err.Error(), "installer is done") {
			t.Errorf("%v", err)
		}
		w.mustBeAsBefore(t, before)
	})
	t.Run("by a kill", func(t *testing.T) {
		r, before := w.endless(t)
		w.kill(t, r, func() {})
		w.mustBeAsBefore(t, before)
	})
	t.Run("by a kill while libvirt is away", func(t *testing.T) {
		r, before := w.endless(t)
		w.kill(t, r, func() { must(t, w.KillDaemon()) }, w.StartDaemon)
		before["volume/default/"+filepath.Base(r.Disk)] = r.Disk // a daemon that starts looks into its pools
		w.mustBeAsBefore(t, before)
	})
}

// What libvirt is asked for before the guard looks, and does after it has
// looked, comes to nothing.
func (w world) refusesLateDomains(t *testing.T) {
	r, before := w.endless(t)
	i := &installation{Tool: w.tool, config: r.Config, work: r.Work, target: r.Disk}
	must(t, i.fetch(t.Context()))
	guard, err := i.newGuard()
	must(t, err)
	must(t, guard.end())
	if err := i.run(t.Context(), "virt-install", i.arguments()); err == nil || !strings.Contains(err.Error(), "could not load kernel") {
		t.Errorf("%v", err)
	}
	w.mustBeAsBefore(t, before)
}

func (w world) endless(t *testing.T) (trial, lab.Snapshot) {
	t.Helper()
	r := w.newTrial(t, Answers{"preseed", []byte(secret)})
	r.Config.KernelArgs = "end=never"
	return r, w.state(t)
}

// kill ends a process that runs the trial, and returns when nothing that it
// started has the pipe any more.
func (w world) kill(t *testing.T, r trial, before func(), after ...func() error) {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	cmd := r.doom(t, write)
	must(t, write.Close())
	w.waitForInstaller(t, r)
	before()
	kill(t, cmd)
	for _, do := range after {
		must(t, do())
	}
	if rest, err := io.ReadAll(read); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

const (
	installerTimeout = time.Minute
	pollInterval     = 50 * time.Millisecond
)

func (w world) waitForInstaller(t *testing.T, r trial) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	timeout := time.After(installerTimeout)
	for {
		select {
		case <-ticker.C:
			if text, _ := endOf(filepath.Join(r.Work, "console")); strings.Contains(text, "installer is done") {
				return
			}
		case <-timeout:
			t.Fatalf("the installer does not begin: %s", output(t, "ls", "-l", r.Work))
		}
	}
}
