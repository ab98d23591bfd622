package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestDisksGrowRunningAndOff(t *testing.T) {
	w := begin(t)
	spawns := func(size, data string) string {
		return tinyImage + fmt.Sprintf(`spawns:
  web: {disk: %[1]s, disks: {data: {size: %[2]s}}, wait: {for: ssh, timeout: 2m}}
  off: {disk: %[1]s, state: stopped}
`, size, data)
	}
	w.inventory(spawns("256MiB", "64MiB"))
	w.converged()
	w.guest("web", "echo precious > /data/file && sync")
	w.inventory(spawns("512MiB", "128MiB"))
	w.expect(0, "plan").wants(t, "~ spawn web", "size of tiny.web.qcow2 256MiB → 512MiB", "size of tiny.web.data.qcow2 64MiB → 128MiB", "~ spawn off")
	w.converged()
	if got := w.guest("web", "cat /sys/block/vda/size /sys/block/vdb/size /data/file"); got != "1048576\n262144\nprecious" {
		t.Errorf("in the running guest: %q", got)
	}
	if got := w.shell("qemu-img", "info", w.pool("tiny.off.qcow2")); !strings.Contains(got, "512 MiB") {
		t.Errorf("of the one that is off:\n%s", got)
	}
	w.inventory(spawns("256MiB", "128MiB"))
	w.expect(4, "plan").wants(t, "cannot shrink from 512MiB to 256MiB", "nothing will be done")
	w.expect(4, "apply")
}

const overlays = tinyImage + "spawns: {web: {wait: {for: ssh, timeout: 2m}}, off: {state: stopped}}\n"
const standalones = tinyImage + "spawns: {web: {standalone: true, wait: {for: ssh, timeout: 2m}}, off: {standalone: true, state: stopped}}\n"

func TestSpawnsComeToStandAlone(t *testing.T) {
	w := begin(t)
	w.inventory(overlays)
	w.converged()
	w.guest("web", "echo precious > /data/file && sync")
	before := w.copyOf("tiny.off.qcow2")
	w.inventory(standalones)
	w.expect(0, "plan").wants(t, "~ spawn web", "~ spawn off", "disk overlay → standalone")
	w.converged()
	w.standsAlone("tiny.web.qcow2")
	w.standsAlone("tiny.off.qcow2")
	w.sameContent(before, w.pool("tiny.off.qcow2"))
	if got := w.guest("web", "cat /data/file"); got != "precious" {
		t.Errorf("the data is %q", got)
	}
	w.expect(0, "status").wants(t, "standalone")
	// The declaration may go: a standalone disk never becomes an overlay again.
	w.inventory(overlays)
	w.settled()
	w.standsAlone("tiny.web.qcow2")
}

func TestASpawnIsMadeStandingAlone(t *testing.T) {
	w := begin(t)
	w.inventory(standalones)
	w.converged()
	w.standsAlone("tiny.web.qcow2")
	w.standsAlone("tiny.off.qcow2")
}

func TestConsolidatingFreesASupersededGeneration(t *testing.T) {
	w := begin(t)
	w.inventory(overlays)
	w.converged()
	first := w.golden()
	w.shell("qemu-img", "resize", "-q", "-f", "qcow2", w.path("tiny.qcow2"), "256M")
	w.inventory(standalones)
	w.expect(0, "plan").wants(t, "+ image tiny", "- image tiny")
	w.converged()
	if second := w.golden(); second == first {
		t.Error("the superseded generation is still there")
	}
}

func TestSnapshotsHoldUpAConsolidation(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {off: {state: stopped}}\n")
	w.converged()
	w.virsh("snapshot-create-as", "tiny.off", "before")
	w.inventory(tinyImage + "spawns: {off: {standalone: true, state: stopped}}\n")
	w.expect(4, "plan").wants(t, "! spawn off", "neither grown nor consolidated", "snapshots")
	w.expect(4, "apply")
	if got := w.shell("qemu-img", "info", w.pool("tiny.off.qcow2")); !strings.Contains(got, "backing file") {
		t.Errorf("it was consolidated:\n%s", got)
	}
	w.virsh("snapshot-delete", "tiny.off", "before")
	w.converged()
}

func TestAPullThatRunsIsAdopted(t *testing.T) {
	w := begin(t)
	w.inventory(overlays)
	w.converged()
	w.slowPull()
	w.inventory(standalones)
	cmd := w.command(nil, program, "apply", "-v")
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	readUntil(t, out, "consolidate")
	w.virsh("blockjob", "tiny.web", "vda", "--bandwidth", "0")
	rest := readUntil(t, out, "\x00")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, rest)
	}
	w.settled()
	w.standsAlone("tiny.web.qcow2")
}

// slowPull starts a pull by hand that does not end by itself in this test.
func (w *world) slowPull() {
	w.Helper()
	w.virsh("blockpull", "tiny.web", "vda", "--bytes", "--bandwidth", "65536")
}

func TestKilledInTheMiddleOfALivePull(t *testing.T) {
	for name, kill := range map[string]func(*world){
		"the program": func(w *world) {}, // it only watches: nothing of it runs in the pull
		"QEMU": func(w *world) {
			w.must(syscall.Kill(w.qemu("tiny.web"), syscall.SIGKILL))
			w.until("libvirt has noticed it", func() bool { return strings.Contains(w.virsh("domstate", "tiny.web"), "shut off") })
		},
		"libvirtd": func(w *world) {
			w.must(host.KillDaemon())
			w.must(host.StartDaemon())
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.inventory(overlays)
			w.converged()
			w.guest("web", "echo precious > /data/file && sync")
			w.slowPull()
			w.inventory(standalones)
			cmd := w.command(nil, program, "apply", "-v")
			out, err := cmd.StdoutPipe()
			w.must(err)
			w.must(cmd.Start())
			readUntil(t, out, "consolidate")
			w.must(cmd.Process.Kill())
			kill(w)
			if err := cmd.Wait(); err == nil {
				t.Fatal("it was not killed")
			}
			if _, err := host.Virsh("blockjob", "tiny.web", "vda", "--bandwidth", "0"); err != nil {
				t.Logf("no pull runs any more: %v", err)
			}
			w.converged()
			w.standsAlone("tiny.web.qcow2")
			if got := w.guest("web", "cat /data/file"); got != "precious" {
				t.Errorf("the data is %q", got)
			}
		})
	}
}

func TestKilledInTheMiddleOfARebase(t *testing.T) {
	w := begin(t)
	w.inventory(overlays)
	w.converged()
	before := w.copyOf("tiny.off.qcow2")
	// A rebase that is cut off has copied clusters that nothing refers to yet.
	script := fmt.Sprintf("ulimit -f 2048; trap '' XFSZ; exec qemu-img rebase -f qcow2 -b '' %s", w.pool("tiny.off.qcow2"))
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err == nil {
		t.Fatalf("the rebase was not cut off: %s", out)
	}
	w.sameContent(before, w.pool("tiny.off.qcow2"))
	w.inventory(standalones)
	w.converged()
	w.standsAlone("tiny.off.qcow2")
	w.sameContent(before, w.pool("tiny.off.qcow2"))
}

func (w *world) standsAlone(volume string) {
	w.Helper()
	if got := w.shell("qemu-img", "info", "-U", w.pool(volume)); strings.Contains(got, "backing file") {
		w.Errorf("%s does not stand alone:\n%s", volume, got)
	}
}

// copyOf copies an overlay, which goes on naming the same backing file.
func (w *world) copyOf(volume string) string {
	w.Helper()
	w.shell("cp", w.pool(volume), w.path(volume))
	return w.path(volume)
}

func (w *world) sameContent(a, b string) {
	w.Helper()
	w.shell("qemu-img", "compare", "-U", "-f", "qcow2", "-F", "qcow2", a, b)
}

// qemu is the process id of a spawn's QEMU.
func (w *world) qemu(domain string) int {
	w.Helper()
	out := w.shell("pgrep", "-f", "guest="+domain+",")
	pid, err := strconv.Atoi(strings.Fields(out)[0])
	w.must(err)
	return pid
}
