package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const canaryImage = "images: {tiny: {source: {file: tiny.qcow2}}}\n"

func TestAnImageThatBootsIsPublished(t *testing.T) {
	w := begin(t)
	w.inventory(canaryImage + "spawns: {web: {wait: {for: ssh, timeout: 2m}}}\n")
	w.expect(0, "apply", "-v").wants(t, "image tiny: boot")
	w.settled()
}

// deadDisk writes a boot sector that says a word on the serial console and
// switches the machine off.
func (w *world) deadDisk(name string) {
	w.Helper()
	code := []byte{
		0x31, 0xc0, 0x8e, 0xd8, // ds = 0
		0xba, 0xf8, 0x03, 0xbe, 0x1c, 0x7c, // the port of the console, and the text
		0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, // write it, byte by byte
		0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, // ACPI: soft off
		0xf4, 0xeb, 0xfd, // halt
	}
	sector := make([]byte, 1<<20)
	copy(sector[copy(sector, code):], "no system on this disk\r\n")
	copy(sector[510:], []byte{0x55, 0xaa})
	w.must(os.WriteFile(w.path(name), sector, 0o644))
}

func TestAnImageThatDoesNotBootIsNotPublished(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	before, golden := snapshot(t), w.golden()
	w.deadDisk("dead.raw")
	w.inventory("images: {tiny: {source: {file: dead.raw}}}\nspawns: {web: {state: stopped}}\n")
	w.expect(3, "apply").wants(t, "image tiny: publish: boot: the guest stopped or crashed. Its console ends with:", "no system on this disk")
	if diff := before.Diff(snapshot(t)); diff != "" {
		t.Errorf("the failed canary left:\n%s", diff)
	}
	if got := w.golden(); got != golden {
		t.Errorf("%s became %s", golden, got)
	}
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.settled()
}

// canaries are the domains and networks of canaries.
func (w *world) canaries() []string {
	w.Helper()
	names := strings.Fields(w.virsh("list", "--all", "--name") + w.virsh("net-list", "--all", "--name"))
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "pcloud-canary-") })
}

// killedWithACanary ends the program while its canary runs, and waits until
// libvirtd has ended that, too: only the network is left.
func (w *world) killedWithACanary() {
	w.Helper()
	w.inventory(canaryImage + "spawns: {web: {state: stopped}}\n")
	cmd := w.command(nil, program, "apply")
	w.must(cmd.Start())
	w.until("a canary runs", func() bool { return len(w.canaries()) == 2 })
	w.must(cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		w.Fatal("it was not killed")
	}
	w.until("the canary is gone", func() bool { return len(w.canaries()) == 1 })
}

func TestKilledWhileACanaryRuns(t *testing.T) {
	w := begin(t)
	w.killedWithACanary()
	published, err := filepath.Glob(w.pool("*.golden-*"))
	w.must(err)
	if len(published) != 0 {
		t.Errorf("published: %v", published)
	}
	w.converged()
	if left := w.canaries(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatAKilledCanaryLeftGoesWithoutAnotherBuild(t *testing.T) {
	w := begin(t)
	w.killedWithACanary()
	w.inventory("spawns: {}\n")
	w.expect(0, "apply", "--allow-empty")
	w.nothingLeft()
}

func TestACanaryFindsAFreeSubnet(t *testing.T) {
	w := begin(t)
	w.inside("ip link add taken type bridge; ip link set taken up; " +
		"for i in $(seq 0 255); do [ $i = 7 ] || ip address add 198.18.$i.200/24 dev taken; done")
	t.Cleanup(func() { w.inside("ip link delete taken") })
	w.inventory(canaryImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
}
