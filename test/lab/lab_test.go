package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const bootTimeout = time.Minute

func TestGuestBootsTakesALeaseAndPowersOffOnACPI(t *testing.T) {
	l := newLab(t)
	bootTiny(t, l, "guest", "default")
	start := time.Now()
	if ip := waitForLease(t, l, "default"); !strings.HasPrefix(ip, "192.168.122.") {
		t.Errorf("lease for %q, want one of network default", ip)
	}
	t.Logf("lease after %v", time.Since(start))
	start = time.Now()
	mustVirsh(t, l, "shutdown", "guest")
	waitForState(t, l, "guest", "shut off")
	t.Logf("off after %v", time.Since(start))
}

func TestGuestsOutliveTheDaemon(t *testing.T) {
	l := newLab(t)
	bootTiny(t, l, "guest", "lab2")
	if err := errors.Join(l.KillDaemon(), l.StartDaemon()); err != nil {
		t.Fatal(err)
	}
	waitForState(t, l, "guest", "running")
}

func TestFrozenDaemonDoesNotAnswerUntilThawed(t *testing.T) {
	l := newLab(t)
	if err := l.FreezeDaemon(); err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := l.Virsh("list")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Errorf("a frozen daemon answered: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := errors.Join(l.ThawDaemon(), <-answer); err != nil {
		t.Error(err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	l := newLab(t)
	bootTiny(t, l, "guest", "default")
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), l.dir) {
		t.Errorf("mounts of %s are left", l.dir)
	}
	if left := processesNaming(l.dir); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
}

func TestTwoLabsAreTwoHosts(t *testing.T) {
	a, b := newLab(t), newLab(t)
	define(t, a, "only-in-a", "default")
	if list := mustVirsh(t, b, "list", "--all", "--name"); strings.Contains(list, "only-in-a") {
		t.Error("a domain of one lab is seen in the other")
	}
	if mustVirsh(t, a, "pool-uuid", "default") == mustVirsh(t, b, "pool-uuid", "default") {
		t.Error("both pools have the same uuid")
	}
}

func TestStartRefusesAFolderClosedToQEMU(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(dir); err == nil || !strings.Contains(err.Error(), "chmod o+x") {
		t.Errorf("error %v, want one that says chmod", err)
	}
}

// newLab fails where a lab cannot be had: its packages or root are missing.
func newLab(t *testing.T) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a lab needs root")
	}
	for _, tool := range []string{"libvirtd", "virsh", "qemu-img", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("no %s; run: scripts/install-deps", tool)
		}
	}
	return New(t)
}

// bootTiny starts a guest on an overlay of the tiny image, without a seed.
func bootTiny(t *testing.T, l *Lab, name, network string) {
	t.Helper()
	image, err := TinyImage()
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join(l.Pool(), "tiny.qcow2")
	for _, args := range [][]string{
		{"cp", image, golden},
		{"qemu-img", "create", "-q", "-f", "qcow2", "-b", golden, "-F", "qcow2", diskOf(l, name)},
	} {
		if _, err := output(exec.Command(args[0], args[1:]...)); err != nil {
			t.Fatal(err)
		}
	}
	define(t, l, name, network)
	mustVirsh(t, l, "start", name)
}

func diskOf(l *Lab, name string) string { return filepath.Join(l.Pool(), name+".qcow2") }

const guestXML = `<domain type='qemu'>
  <name>%s</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os><type arch='x86_64'>hvm</type></os><features><acpi/></features><cpu mode='maximum'/>
  <devices>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='%s'/><target dev='vda' bus='virtio'/></disk>
    <interface type='network'><source network='%s'/><model type='virtio'/></interface>
    <serial type='pty'/>
  </devices>
</domain>`

func define(t *testing.T, l *Lab, name, network string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "domain.xml")
	if err := os.WriteFile(path, fmt.Appendf(nil, guestXML, name, diskOf(l, name), network), 0o600); err != nil {
		t.Fatal(err)
	}
	mustVirsh(t, l, "define", path)
}

func mustVirsh(t *testing.T, l *Lab, args ...string) string {
	t.Helper()
	out, err := l.Virsh(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func waitForState(t *testing.T, l *Lab, name, want string) {
	t.Helper()
	err := poll(name+" to be "+want, bootTimeout, func() error {
		state, err := l.Virsh("domstate", name)
		if err == nil && strings.TrimSpace(state) != want {
			err = fmt.Errorf("it is %s", strings.TrimSpace(state))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waitForLease returns the address of the first lease of a network.
func waitForLease(t *testing.T, l *Lab, network string) string {
	t.Helper()
	var ip string
	err := poll("a lease", bootTimeout, func() error {
		leases, err := l.Virsh("net-dhcp-leases", network)
		for _, field := range strings.Fields(leases) {
			if address, _, isAddress := strings.Cut(field, "/"); isAddress {
				ip = address
			}
		}
		if err == nil && ip == "" {
			err = errors.New("there is none")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ip
}

func processesNaming(folder string) []string {
	var found []string
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range folders {
		line := strings.Join(processArguments(process), " ")
		if strings.Contains(line, folder) {
			found = append(found, line)
		}
	}
	return found
}
