package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"pcloud-apply/inventory"
	"pcloud-apply/plan"
)

var generous = plan.Policy{MaxDestroy: 10, AllowEmpty: true}

// drawDesired gives what some inventory asks for.
func drawDesired(t *rapid.T) plan.State {
	inv := &inventory.Inventory{
		Name: "lab", Hosts: map[string]inventory.Host{"h": {Pool: "default"}},
		Images: map[string]inventory.Image{}, Spawns: map[string]inventory.Spawn{},
	}
	images := []string{"tiny", "other"}
	for _, name := range images {
		content := rapid.SampledFrom([]string{"sha256:1", "sha256:1", "sha256:2"}).Draw(t, name)
		inv.Images[name] = inventory.Image{Source: &inventory.Source{File: "/src", Content: content}}
	}
	for _, name := range []string{"a", "b", "c"} {
		if rapid.IntRange(0, 3).Draw(t, "wants "+name) > 0 {
			inv.Spawns[name] = drawSpawn(t, images)
		}
	}
	return plan.Desired(inv, "here")
}

func drawSpawn(t *rapid.T, images []string) inventory.Spawn {
	size := func(label string, sizes ...inventory.Size) inventory.Size {
		return rapid.SampledFrom(sizes).Draw(t, label)
	}
	s := inventory.Spawn{
		Host: "h", Image: images[rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(t, "image")],
		VCPUs: rapid.IntRange(1, 2).Draw(t, "vcpus"), Memory: gibibyte,
		Disk:          inventory.Disk{Size: size("disk", 0, 0, 2*gibibyte, 3*gibibyte)},
		State:         rapid.SampledFrom([]string{"running", "running", "stopped", "any"}).Draw(t, "state"),
		Autostart:     rapid.Bool().Draw(t, "autostart"),
		Protect:       rapid.IntRange(0, 5).Draw(t, "protect") == 0,
		OnImageChange: rapid.SampledFrom([]string{"keep", plan.Respawn, plan.Consolidate}).Draw(t, "on image change"),
		Standalone:    rapid.IntRange(0, 4).Draw(t, "standalone") == 0,
		Wait:          inventory.Wait{For: "ip"},
	}
	if rapid.IntRange(0, 4).Draw(t, "data") > 0 {
		s.Disks = map[string]inventory.Disk{"data": {Size: size("data size", gibibyte, 2*gibibyte)}}
	}
	return s
}

// runPlan performs a plan on the host, with the fault.
func (m *memory) runPlan(p plan.Plan, f fault) *Report {
	m.calls, m.fault = 0, f
	hosts := Hosts{"h": {
		Domains: m, Power: m, Volumes: m, Blocks: m, Overlays: m,
		Images: m, Builds: m, Files: m, Addresses: m, Referrers: m, Folder: pool,
	}}
	runner := Runner{Executor: hosts, Parallel: 1}
	report := runner.Run(context.Background(), p)
	m.fault = fault{}
	return report
}

// disturb is something that a user, or somebody else, does to the host.
func disturb(t *rapid.T, m *memory) {
	uuids, images := sortedKeys(m.spawns), sortedKeys(m.images)
	if len(uuids) == 0 || len(images) == 0 {
		return
	}
	uuid, image := rapid.SampledFrom(uuids).Draw(t, "of"), rapid.SampledFrom(images).Draw(t, "image")
	s, g := m.spawns[uuid], m.images[image]
	switch rapid.IntRange(0, 12).Draw(t, "event") {
	case 0:
		if s.Phase != plan.Ready {
			return
		}
		s.Power = rapid.SampledFrom([]plan.Power{plan.Running, plan.Stopped}).Draw(t, "power")
	case 1:
		delete(m.volumes, rapid.SampledFrom(s.Volumes()).Draw(t, "lost"))
	case 2:
		delete(m.volumes, s.SeedFile())
	case 3:
		delete(m.spawns, uuid)
		return
	case 4:
		s.Domain = "renamed-" + s.Name
	case 5:
		m.overlays["/home/theirs.qcow2"] = pool + "/" + g.File()
	case 6:
		m.overlays["/home/clone.qcow2"] = pool + "/" + s.Volume()
	case 7:
		m.borrowers["borrower"] = pool + "/" + rapid.SampledFrom(s.Volumes()).Draw(t, "borrowed")
	case 8:
		m.snapshots[uuid] = 1
	case 9:
		clear(m.snapshots)
		clear(m.overlays)
		clear(m.borrowers)
	case 10:
		g.Sealed, g.Stale = false, rapid.Bool().Draw(t, "stale")
	case 11:
		g.Damage = "changed"
	case 12:
		g.Complete = false
	}
	m.spawns[uuid], m.images[image] = s, g
}

func sortedKeys[V any](in map[string]V) []string {
	var keys []string
	for key := range in {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// drawHistory is a host with a past: runs that ended well, failed or were
// killed, and what others did in between.
func drawHistory(t *rapid.T) *memory {
	m := newMemory()
	for range rapid.IntRange(1, 4).Draw(t, "runs") {
		desired := drawDesired(t)
		p := plan.Diff(m.observe(desired), desired, generous)
		if len(p.Whole()) > 0 {
			continue
		}
		m.runPlan(p, fault{
			at:     rapid.IntRange(0, 40).Draw(t, "fault at call"),
			killed: rapid.Bool().Draw(t, "killed"), done: rapid.Bool().Draw(t, "done"),
		})
		if rapid.IntRange(0, 2).Draw(t, "disturbed") == 0 {
			disturb(t, m)
		}
	}
	return m
}

// TestOneRunRepairsAndIsEnough: whatever happened to the host, all that the
// next run plans succeeds, and nothing is left to do after it. Only what was
// refused because of something that this run took away may follow in another.
func TestOneRunRepairsAndIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawHistory(t), drawDesired(t)
		p := plan.Diff(m.observe(desired), desired, generous)
		for round := 0; !p.Empty() && len(p.Whole()) == 0; round++ {
			report := m.runPlan(p, fault{})
			if !report.Complete() {
				t.Fatalf("%v of\n%s", report.Err(), text(p))
			}
			again := plan.Diff(m.observe(desired), desired, generous)
			if !again.Empty() && (len(p.Refused) == 0 || round > 1) {
				t.Fatalf("after\n%s\nthere is left\n%s", text(p), text(again))
			}
			p = again
		}
		m.check(t)
	})
}

// TestADestroyLeavesNothing but what is protected or needed by others, and
// renamed domains without files, which nothing points to.
func TestADestroyLeavesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawHistory(t)
		nothing := plan.State{Inventory: "lab", Origin: "here", Hosts: map[string]plan.Host{"h": {Name: "h"}}}
		p := plan.Diff(m.observe(nothing), nothing, plan.Policy{Explicit: true})
		if report := m.runPlan(p, fault{}); !report.Complete() {
			t.Fatalf("%v of\n%s", report.Err(), text(p))
		}
		m.check(t)
		for uuid, s := range m.spawns {
			if _, ok := m.volumes[s.SeedFile()]; !ok && strings.HasPrefix(s.Domain, "renamed-") {
				delete(m.spawns, uuid)
			}
		}
		if len(p.Refused)+len(p.Notes) == 0 && len(m.spawns)+len(m.images)+len(m.leftovers) > 0 {
			t.Fatalf("%v, %v and %v are left of\n%s", m.spawns, m.images, m.leftovers, text(p))
		}
	})
}

// TestAFaultIsReported also when it came after the call had its effect.
func TestAFaultIsReported(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, desired := drawHistory(t), drawDesired(t)
		p := plan.Diff(m.observe(desired), desired, generous)
		f := fault{at: rapid.IntRange(1, 60).Draw(t, "at"), done: rapid.Bool().Draw(t, "done")}
		report := m.runPlan(p, f)
		var failed *StepError
		switch err := report.Err(); {
		case m.calls < f.at && !report.Complete():
			t.Fatalf("without a fault: %v", err)
		case m.calls >= f.at && (!errors.Is(err, errFault) || !errors.As(err, &failed) || failed.Left == ""):
			t.Fatalf("the fault is reported as %v", err)
		}
		m.check(t)
	})
}

// check fails when something was done that must never be.
func (m *memory) check(t *rapid.T) {
	for _, violation := range m.violations {
		t.Fatal(violation)
	}
}

func text(p plan.Plan) string {
	lines := ""
	for _, a := range p.Actions {
		lines += fmt.Sprintf("%s: %s %v\n", a.ID(), a.Reason, a.Keep)
	}
	for _, r := range p.Refused {
		lines += fmt.Sprintf("! %s: %s\n", r.Name, r.Reason)
	}
	for _, n := range p.Notes {
		lines += fmt.Sprintf("note %s: %s\n", n.Name, n.Text)
	}
	return lines
}
