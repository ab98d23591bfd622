package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADiskOfTheUserStays(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, other: {state: stopped}}\n")
	w.converged()
	w.virsh("vol-create-as", "default", "tiny.web.mine.qcow2", "1M", "--format", "qcow2")
	w.virsh("attach-disk", "tiny.web", w.pool("tiny.web.mine.qcow2"), "vdx", "--config", "--subdriver", "qcow2")
	w.settled()
	w.inventory(tinyImage + "spawns: {other: {state: stopped}}\n")
	w.expect(0, "plan").wants(t, "- spawn web", "tiny.web.mine.qcow2 stays")
	w.converged()
	if _, err := os.Stat(w.pool("tiny.web.mine.qcow2")); err != nil {
		t.Errorf("the user's disk is gone: %v", err)
	}
	w.virsh("vol-delete", "tiny.web.mine.qcow2", "--pool", "default")
}

func TestAVolumeThatAnotherDomainUsesStays(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, other: {state: stopped}}\n")
	w.converged()
	w.must(defineForeign("borrower", w.pool("tiny.web.qcow2"), ""))
	w.inventory(tinyImage + "spawns: {other: {state: stopped}}\n")
	w.expect(0, "plan").wants(t, "tiny.web.qcow2 stays")
	w.converged()
	if _, err := os.Stat(w.pool("tiny.web.qcow2")); err != nil {
		t.Errorf("the borrowed disk is gone: %v", err)
	}
	w.virsh("undefine", "borrower")
	w.virsh("vol-delete", "tiny.web.qcow2", "--pool", "default")
}

func TestACloneOfOursIsForeign(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	// What virt-clone does: the definition with another name and uuid, metadata
	// and all, on an overlay of the same golden image.
	clone := strings.Replace(w.virsh("dumpxml", "--inactive", "tiny.web"), "<name>tiny.web</name>", "<name>tiny.copy</name>", 1)
	clone = strings.Replace(clone, w.pool("tiny.web.qcow2"), w.pool("tiny.copy.qcow2"), 1)
	lines := strings.Split(clone, "\n")
	for i, line := range lines {
		if strings.Contains(line, "<uuid>") || strings.Contains(line, "<mac ") {
			lines[i] = ""
		}
	}
	w.must(os.WriteFile(w.path("clone.xml"), []byte(strings.Join(lines, "\n")), 0o600))
	w.virsh("vol-create-as", "default", "tiny.copy.qcow2", "1G", "--format", "qcow2",
		"--backing-vol", w.golden(), "--backing-vol-format", "qcow2")
	w.virsh("define", w.path("clone.xml"))
	before := w.virsh("dumpxml", "tiny.copy")
	golden := w.golden()
	w.settled()

	w.inventory(tinyImage + "spawns: {copy: {state: stopped}}\n")
	w.expect(4, "plan").wants(t, "! spawn copy", "a domain tiny.copy exists that is not this inventory's", "clone")
	w.expect(0, "destroy").wants(t, "- spawn web")
	if _, err := os.Stat(golden); err != nil {
		t.Errorf("the golden image that the clone depends on is gone: %v", err)
	}
	if after := w.virsh("dumpxml", "tiny.copy"); after != before {
		t.Errorf("the clone was changed:\n%s", after)
	}
	w.virsh("undefine", "tiny.copy")
	w.virsh("vol-delete", "tiny.copy.qcow2", "--pool", "default")
}

func TestARenamedImageKeepsItsSpawns(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	uuid := w.virsh("domuuid", "tiny.web")
	w.inventory("images: {small: {source: {file: tiny.qcow2}, canary: false}}\nspawns: {web: {image: small, state: stopped}}\n")
	w.expect(0, "plan").wants(t, "+ image small", "stays on tiny.golden-")
	w.converged()
	if got := w.virsh("domuuid", "tiny.web"); got != uuid {
		t.Errorf("the spawn was made anew: %s, before %s", got, uuid)
	}
}

func TestAnotherOriginDoesNotDestroyOurs(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	other := &world{T: t, dir: t.TempDir(), before: w.before, enter: host.Enter}
	other.copySource()
	other.inventory(tinyImage + "spawns: {mine: {state: stopped}}\n")
	other.expect(4, "plan").wants(t, "! spawn web", "made from another one of the same name", "--take-over")
	other.expect(4, "apply").wants(t, "+ spawn mine")
	if state := w.virsh("domstate", "tiny.web"); !strings.Contains(state, "shut off") {
		t.Errorf("web is %s", state)
	}
	other.expect(0, "apply", "--take-over").wants(t, "- spawn web")
	other.settled()
	// Their golden image was made by the first and is the second's by name.
	other.expect(0, "destroy")
}

func TestAnUnmountedPoolIsNotAnEmptyOne(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	aside := host.Pool() + ".aside"
	w.must(os.Rename(host.Pool(), aside))
	w.must(os.Mkdir(host.Pool(), 0o711))
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, new: {state: stopped}}\n")
	r := w.run(program, "apply")
	entries, err := os.ReadDir(host.Pool())
	w.must(os.Remove(host.Pool()))
	w.must(os.Rename(aside, host.Pool()))
	w.must(err)
	r.wants(t, "is its disk mounted?")
	if r.code != 4 || len(entries) > 0 {
		t.Errorf("exit code %d, in the folder: %v", r.code, entries)
	}
	w.converged()
}

func TestDamageIsReportedAndNotRepaired(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, db: {state: stopped}}\n")
	w.converged()
	w.must(os.Rename(w.pool("tiny.web.qcow2"), w.path("backup")))
	w.expect(4, "plan").wants(t, "! spawn web", "tiny.web.qcow2 is gone", "pcloud-apply destroy web")
	w.expect(4, "apply")
	if _, err := os.Stat(w.pool("tiny.web.qcow2")); err == nil {
		t.Error("a new disk was made in place of the lost one")
	}
	w.shell("mv", w.path("backup"), w.pool("tiny.web.qcow2"))
	w.settled()
}

func TestATamperedGoldenImageIsNotUsed(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	golden := w.golden()
	w.shell("chattr", "-i", golden)
	w.shell("cp", "-a", golden, w.path("backup"))
	w.shell("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", golden)
	w.inventory(tinyImage + "spawns: {web: {}, new: {}}\n")
	w.expect(4, "plan").wants(t, "! image tiny", "is damaged", "! spawn web", "! spawn new")
	w.expect(4, "apply")
	if state := w.virsh("domstate", "tiny.web"); !strings.Contains(state, "shut off") {
		t.Errorf("web was started from a golden image that was changed: %s", state)
	}
	w.shell("cp", "-a", w.path("backup"), golden)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.expect(0, "plan").wants(t, "~ image tiny", "sealed no → yes")
	w.converged()
}

func TestALostGoldenImageIsNotMadeAnew(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}}\n")
	w.converged()
	golden := w.golden()
	w.shell("chattr", "-i", golden)
	w.must(os.Rename(golden, w.path("backup.qcow2")))
	w.expect(4, "plan").wants(t, "! image tiny", "is gone, and web depends on it", "! spawn web")
	w.expect(4, "apply")
	if _, err := os.Stat(golden); err == nil {
		t.Error("the lost golden image was made anew under its dependants")
	}
	w.shell("cp", "-a", w.path("backup.qcow2"), golden)
	w.run(program, "apply")
	w.settled()
}

func TestAHostileImageIsRefused(t *testing.T) {
	w := begin(t)
	w.must(os.WriteFile(w.path("secret"), []byte(strings.Repeat("secret\n", 100000)), 0o600))
	w.shell("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", w.path("secret"), w.path("evil.qcow2"))
	w.inventory("images: {evil: {source: {file: evil.qcow2}, canary: false}}\nspawns: {web: {image: evil, state: stopped}}\n")
	w.expect(3, "apply").wants(t, "image evil: publish: ", "backing file", "! spawn web", "not begun")
	if left, _ := filepath.Glob(w.pool(".pcloud-*")); len(left) > 0 {
		t.Errorf("left in the pool: %v", left)
	}
}

func TestProtectionOutlivesItsBlock(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped, protect: true}, db: {state: stopped}}\n")
	w.converged()
	w.inventory(tinyImage + "spawns: {db: {state: stopped}}\n")
	w.expect(4, "plan").wants(t, "! spawn web", "protected")
	w.expect(4, "apply")
	w.expect(4, "destroy", "web").wants(t, "protected")
	w.virsh("domstate", "tiny.web")
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, db: {state: stopped}}\n")
	w.converged()
}

func TestTheDestroyBudgetStopsTheWholeRun(t *testing.T) {
	w := begin(t)
	policy := "policy: {max_destroy: 1}\n"
	w.inventory(policy + tinyImage + "spawns: {web: {count: 3, state: stopped}}\n")
	w.converged()
	w.inventory(policy + tinyImage + "spawns: {web: {count: 1, state: stopped}, new: {state: stopped}}\n")
	w.expect(4, "plan").wants(t, "it would destroy more ready spawns (2) than policy.max_destroy allows (1)")
	w.expect(4, "apply")
	if list := w.virsh("list", "--all", "--name"); strings.Contains(list, "tiny.new") || !strings.Contains(list, "tiny.web-3") {
		t.Errorf("something was done:\n%s", list)
	}
}

func TestSnapshotsHoldUpADestroy(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {state: stopped}, db: {state: stopped}}\n")
	w.converged()
	w.virsh("snapshot-create-as", "tiny.web", "before", "--disk-only")
	w.inventory(tinyImage + "spawns: {db: {state: stopped}}\n")
	w.expect(4, "plan").wants(t, "! spawn web", "snapshots")
	w.expect(4, "destroy", "web")
	w.virsh("snapshot-delete", "tiny.web", "before", "--metadata")
	w.expect(4, "plan").wants(t, "! spawn web", "tiny.web.before")
	w.virsh("detach-disk", "tiny.web", "vda", "--config")
	w.virsh("attach-disk", "tiny.web", w.pool("tiny.web.qcow2"), "vda", "--config", "--subdriver", "qcow2")
	w.must(os.Remove(w.pool("tiny.web.before")))
	w.converged()
}
