package apply

import (
	"strings"
	"testing"

	"pcloud-apply/inventory"
	"pcloud-apply/plan"
)

func respawning(content string) plan.State {
	return plan.Desired(&inventory.Inventory{
		Name: "lab", Hosts: map[string]inventory.Host{"h": {Pool: "default"}},
		Images: map[string]inventory.Image{"tiny": {Source: &inventory.Source{File: "/src", Content: content}}},
		Spawns: map[string]inventory.Spawn{"a": {
			Host: "h", Image: "tiny", VCPUs: 1, Memory: gibibyte, State: "running", OnImageChange: plan.Respawn,
			Disks: map[string]inventory.Disk{"data": {Size: gibibyte}}, Wait: inventory.Wait{For: "ip"},
		}},
	}, "here")
}

// TestARespawnKeepsExtraDisks wherever it is killed, and however often.
func TestARespawnKeepsExtraDisks(t *testing.T) {
	const mine = 4711 // bytes used: nobody makes such a volume
	for at := 1; ; at++ {
		m, desired := newMemory(), respawning("sha256:1")
		m.runPlan(plan.Diff(m.observe(desired), desired, generous), fault{})
		m.volumes["tiny.a.data.qcow2"] = plan.Volume{Size: gibibyte, Used: mine}
		desired = respawning("sha256:2")
		report := m.runPlan(plan.Diff(m.observe(desired), desired, generous), fault{at: at, killed: true})
		again := plan.Diff(m.observe(desired), desired, generous)
		m.runPlan(again, fault{})
		if p := plan.Diff(m.observe(desired), desired, generous); !p.Empty() || len(p.Refused) > 0 {
			t.Fatalf("killed at call %d, there is left\n%s\nafter\n%s", at, text(p), text(again))
		}
		if m.volumes["tiny.a.data.qcow2"].Used != mine || len(m.images) != 1 || len(m.spawns) != 1 {
			t.Fatalf("killed at call %d: %v, %v, %v", at, m.volumes, m.images, m.spawns)
		}
		if report.Complete() {
			if at < 10 {
				t.Errorf("only %d calls", at)
			}
			return
		}
	}
}

func TestNothingIsMadeOrStartedOnAReplacedImage(t *testing.T) {
	for name, a := range map[string]plan.Action{
		"start":    {Verb: plan.Update, Start: true, Spawn: &plan.Spawn{Fingerprint: "ff"}},
		"complete": {Verb: plan.Create, Start: true, Spawn: &plan.Spawn{Fingerprint: "ff", UUID: "u"}},
	} {
		f := &fake{}
		err := Hosts{"": f.host()}.Execute(t.Context(), a, func(string) {})
		if err == nil || !strings.Contains(err.Error(), "is not the one that it was made on") || len(f.calls) != 1 {
			t.Errorf("%s: %v, %v", name, err, f.calls)
		}
	}
}

// TestNothingGoesForWhatCannotCome: the new image is looked at first.
func TestNothingGoesForWhatCannotCome(t *testing.T) {
	old := plan.Spawn{Name: "web", Image: "tiny", UUID: "u"}
	for name, c := range map[string]struct {
		next   plan.Spawn
		failAt string
	}{
		"too large": {next: plan.Spawn{Host: "far", Name: "web", Image: "tiny", Disk: 4096}},
		"damaged":   {next: plan.Spawn{Host: "far", Name: "web", Image: "tiny"}, failAt: "check "},
		"no host":   {next: plan.Spawn{Host: "nowhere", Name: "web", Image: "tiny"}},
	} {
		near, far := &fake{}, &fake{failAt: c.failAt}
		a := plan.Action{Verb: plan.Destroy, Host: "near", Spawn: &old, Next: &c.next}
		err := Hosts{"near": near.host(), "far": far.host()}.Execute(t.Context(), a, func(string) {})
		if err == nil || !strings.Contains(err.Error(), "check what takes its place: ") || !strings.Contains(err.Error(), "Nothing was changed") || len(near.calls) > 0 {
			t.Errorf("%s: %v, %v", name, err, near.calls)
		}
	}
}
