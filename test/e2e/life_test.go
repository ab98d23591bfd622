package e2e

import (
	"os"
	"strings"
	"testing"
)

func TestSpawnsComeUpAsDeclared(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + `
spawns:
  web: {count: 2, wait: {for: ssh, timeout: 2m}}
  db:
    wait: {for: ssh, timeout: 2m}
    vcpus: 2
    disk: 1GiB
    disks: {data: {size: 1GiB}}
    networks: [{network: default}, {network: lab2}]
    cloud_init: {user: ops}
  off: {state: stopped}
`)
	w.expect(2, "plan", "--detailed-exitcode").wants(t, "+ image tiny", "+ spawn web-1", "Plan: 1 to build, 4 to spawn.")
	w.expect(0, "apply").wants(t, "+ spawn db", "Applied in", "1 built, 4 spawned.")
	w.settled()
	for _, name := range []string{"web-1", "web-2", "db"} {
		if got := w.guest(name, "hostname"); got != name {
			t.Errorf("the hostname of %s is %q", name, got)
		}
	}
	if cpus := w.guest("db", "grep", "-c", "^processor", "/proc/cpuinfo"); cpus != "2" {
		t.Errorf("db has %s CPUs", cpus)
	}
	if sectors := w.guest("db", "cat", "/sys/block/vda/size"); sectors != "2097152" {
		t.Errorf("the disk of db has %s sectors, not 1GiB", sectors)
	}
	if serial := w.guest("db", "cat", "/sys/block/vdb/serial"); serial != "data" {
		t.Errorf("the serial number of the extra disk is %q", serial)
	}
	if n := len(strings.Fields(w.expect(0, "ip", "db").out)); n != 2 {
		t.Errorf("db has %d addresses on its two networks", n)
	}
	w.expect(0, "status").wants(t, "web-1", "running", "(lease)", "overlay", "stopped")
	w.expect(3, "ip", "off")
	if state := w.virsh("domstate", "tiny.off"); !strings.Contains(state, "shut off") {
		t.Errorf("off is %s", state)
	}
}

func TestDriftIsShownFieldByFieldAndMended(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {}, job: {state: stopped}}\n")
	w.converged()

	w.inventory(tinyImage + "spawns: {web: {memory: 128MiB, vcpus: 2, autostart: true}, job: {state: running, protect: true}}\n")
	w.expect(0, "plan").wants(t, "~ spawn web", "memory 96MiB → 128MiB", "vcpus 1 → 2", "autostart no → yes",
		"from its next restart on", "state stopped → running", "protect no → yes")
	w.expect(0, "apply")
	w.expect(0, "plan").wants(t, "waits for a restart", "Nothing to do")
	w.virsh("destroy", "tiny.web")
	w.expect(0, "plan").wants(t, "~ spawn web", "state stopped → running")
	w.converged()
	if cpus := w.guest("web", "grep", "-c", "^processor", "/proc/cpuinfo"); cpus != "2" {
		t.Errorf("after the restart web has %s CPUs", cpus)
	}
	w.inventory(tinyImage + "spawns: {web: {memory: 128MiB, vcpus: 2}, job: {state: stopped}}\n")
	w.expect(0, "plan").wants(t, "state running → stopped", "autostart yes → no", "protect yes → no")
	w.converged()
}

func TestAnUndefinedSpawnIsTakenUpWithItsData(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {wait: {for: ssh, timeout: 2m}}}\n")
	w.converged()
	w.guest("web", "echo", "precious", ">", "/data/file", "&&", "sync")
	before := w.guest("web", "cat", "/data/instance-id")
	w.virsh("destroy", "tiny.web")
	w.virsh("undefine", "tiny.web")
	w.expect(0, "plan").wants(t, "+ spawn web", "its disk is kept")
	w.converged()
	if got := w.guest("web", "cat", "/data/file"); got != "precious" {
		t.Errorf("the data is %q", got)
	}
	if after := w.guest("web", "cat", "/data/instance-id"); after != before {
		t.Errorf("the guest got a new identity: %s, before %s", after, before)
	}
}

func TestARenamedSpawnIsStillOurs(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	w.virsh("domrename", "tiny.web", "renamed")
	w.settled()
	w.inventory(tinyImage + "spawns: {}\n")
	w.expect(4, "plan").wants(t, "no spawns", "--allow-empty")
}

func TestWhatLeftTheInventoryIsDestroyed(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {count: 2, state: stopped}, old: {disks: {data: {size: 64MiB}}, wait: {for: none}}}\n")
	w.converged()
	w.inventory(tinyImage + "spawns: {web: {count: 1, state: stopped}}\n")
	w.expect(0, "plan").wants(t, "- spawn old", "- spawn web-2", "left the inventory")
	w.converged()
	for _, file := range []string{"tiny.old.qcow2", "tiny.old.data.qcow2", "tiny.old.seed.iso", "tiny.web-2.qcow2"} {
		if _, err := os.Lstat(w.pool(file)); err == nil {
			t.Errorf("%s is left", file)
		}
	}
}

func TestANewGenerationIsBuiltBesideTheOld(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	first := w.golden()
	w.shell("qemu-img", "resize", "-q", "-f", "qcow2", w.path("tiny.qcow2"), "256M")
	w.expect(0, "plan").wants(t, "+ image tiny", "its definition changed", "stays on tiny.golden-")
	w.converged()
	if _, err := os.Stat(first); err != nil {
		t.Errorf("the old generation is gone while web depends on it: %v", err)
	}
	w.expect(0, "destroy", "web")
	w.expect(0, "plan").wants(t, "- image tiny", "superseded")
	w.converged()
	if second := w.golden(); second == first {
		t.Error("the superseded generation was not removed")
	}
}

func TestAnUnchangedImageCostsNothing(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	before, err := os.Stat(w.golden())
	w.must(err)
	w.settled()
	after, err := os.Stat(w.golden())
	w.must(err)
	if !os.SameFile(before, after) || before.ModTime() != after.ModTime() {
		t.Error("the golden image was made anew")
	}
	if mode := after.Mode().Perm(); mode != 0o440 {
		t.Errorf("its mode is %v", mode)
	}
}

func TestAWaitIsBoundedAndExplained(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {networks: [{network: default}], wait: {for: ip, timeout: 1s}}}\n")
	w.expect(3, "apply").wants(t, "spawn web: wait for ip: no DHCP lease for 02:", "within 1s", "virsh console tiny.web")
	w.settled()
}

func TestWithoutKVMGuestsAreEmulatedWithOneWarning(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {count: 2, state: stopped}}\n")
	text, err := os.ReadFile(w.path("cloud.yaml"))
	w.must(err)
	w.must(os.WriteFile(w.path("cloud.yaml"), []byte(strings.Replace(string(text), "accelerator: tcg", "accelerator: auto", 1)), 0o644))
	r := w.expect(0, "apply")
	want := 0
	if strings.Contains(w.virsh("dumpxml", "tiny.web-1"), "<domain type='qemu'") {
		want = 1
	}
	if got := strings.Count(r.err, "cannot run guests under KVM"); got != want {
		t.Errorf("%d warnings, want %d:\n%s", got, want, r.err)
	}
	w.settled()
}
