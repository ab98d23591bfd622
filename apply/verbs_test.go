package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pcloud-apply/plan"
)

// fake is a host that records what is done to it, and fails at one call.
type fake struct {
	calls      []string
	failAt     string // fails the calls that begin so
	failCall   int    // fails the n-th call
	references plan.References
	running    bool
	backing    string
}

var errFake = errors.New("no space left")

func (f *fake) call(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.calls = append(f.calls, call)
	if f.failAt != "" && strings.HasPrefix(call, f.failAt) || len(f.calls) == f.failCall {
		return errFake
	}
	return nil
}

func (f *fake) Define(_ context.Context, s plan.Spawn) (string, error) {
	return "new-uuid", f.call("define %s", s.Domain)
}

func (f *fake) Mark(_ context.Context, s plan.Spawn, phase plan.Phase) error {
	return f.call("mark %s %s", s.UUID, phase)
}

func (f *fake) Redefine(_ context.Context, s plan.Spawn, changes []plan.Change) error {
	return f.call("redefine %s %v", s.UUID, changes)
}
func (f *fake) Undefine(_ context.Context, s plan.Spawn) error { return f.call("undefine %s", s.UUID) }
func (f *fake) Start(_ context.Context, s plan.Spawn) error    { return f.call("start %s", s.UUID) }
func (f *fake) Stop(_ context.Context, s plan.Spawn) error     { return f.call("stop %s", s.UUID) }
func (f *fake) Kill(_ context.Context, s plan.Spawn) error     { return f.call("kill %s", s.UUID) }

func (f *fake) SetAutostart(_ context.Context, s plan.Spawn, on bool) error {
	return f.call("autostart %s %v", s.UUID, on)
}

func (f *fake) Create(_ context.Context, name string, size int64, backing string) error {
	return f.call("create %s %d %s", name, size, backing)
}
func (f *fake) Delete(_ context.Context, name string) error { return f.call("delete %s", name) }
func (f *fake) Forget(_ context.Context, name string) error { return f.call("forget %s", name) }
func (f *fake) Refresh(context.Context) error               { return f.call("refresh") }

func (f *fake) Check(_ context.Context, g plan.Generation) (Golden, error) {
	return Golden{"/pool/" + g.File(), "f00", 1 << 20}, f.call("check %s", g.Name())
}

func (f *fake) Publish(_ context.Context, g plan.Generation, step func(string)) error {
	step("convert")
	return f.call("publish %s", g.Name())
}

func (f *fake) Mend(_ context.Context, g plan.Generation, _ func(string)) error {
	return f.call("mend %s", g.Name())
}

func (f *fake) Remove(_ context.Context, g plan.Generation, _ func(string)) error {
	return f.call("remove %s", g.Name())
}

func (f *fake) WriteSeed(_ context.Context, s plan.Spawn) error {
	return f.call("write seed %s for %s", s.SeedFile(), s.UUID)
}

func (f *fake) RemoveSeed(_ context.Context, s plan.Spawn) error {
	return f.call("remove seed %s", s.SeedFile())
}

func (f *fake) Sweep(context.Context) error { return nil }

func (f *fake) RemoveLeftover(_ context.Context, name string) error {
	return f.call("remove leftover %s", name)
}
func (f *fake) Before(_ context.Context, s plan.Spawn) error { return f.call("remember leases") }

func (f *fake) Wait(_ context.Context, s plan.Spawn) (string, error) {
	return "10.0.0.1", f.call("wait %s", s.UUID)
}

func (f *fake) References(context.Context) (plan.References, error) {
	return f.references, f.call("references")
}

func (f *fake) Running(context.Context, plan.Spawn) (bool, error) {
	return f.running, f.call("running?")
}

func (f *fake) Resize(_ context.Context, _ plan.Spawn, volume string, size int64) error {
	return f.call("resize %s %d", volume, size)
}

func (f *fake) Pull(_ context.Context, s plan.Spawn, _ func(string)) error {
	f.backing = ""
	return f.call("pull %s", s.UUID)
}

func (f *fake) Grow(_ context.Context, volume string, size int64) error {
	return f.call("grow %s %d", volume, size)
}
func (f *fake) Room(_ context.Context, volume string) error { return f.call("room for %s", volume) }

func (f *fake) Flatten(_ context.Context, volume string) error {
	f.backing = ""
	return f.call("flatten %s", volume)
}

func (f *fake) Backing(volume string) (string, error) {
	return f.backing, f.call("backing of %s", volume)
}

func (f *fake) host() *Host {
	f.backing = "/pool/tiny.golden-abc.qcow2"
	return &Host{
		Blocks: f, Overlays: f,
		Domains: f, Power: f, Volumes: f, Images: f, Builds: f, Files: f, Addresses: f, Referrers: f, Folder: "/pool",
	}
}

func web(change ...func(*plan.Spawn)) *plan.Spawn {
	s := &plan.Spawn{
		Host: "h", Name: "web", Domain: "tiny.web", Image: "tiny", Generation: "abc", Autostart: true,
		Disks: []plan.Disk{{Name: "data", Size: 7}},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func made(s *plan.Spawn) { s.UUID = "u" }

func imageAction(verb plan.Verb) plan.Action {
	return plan.Action{Verb: verb, Host: "h", Image: &plan.Generation{Host: "h", Image: "tiny", Hash: "abc"}}
}

// verbs are actions with the calls that they are to make.
var verbs = map[string]struct {
	action plan.Action
	want   []string
}{
	"spawn": {plan.Action{Verb: plan.Create, Host: "h", Spawn: web(), Start: true}, []string{
		"check tiny.golden-abc", "define tiny.web", "create tiny.web.qcow2 1048576 /pool/tiny.golden-abc.qcow2",
		"create tiny.web.data.qcow2 7 ", "write seed tiny.web.seed.iso for new-uuid", "mark new-uuid ready",
		"autostart new-uuid true", "remember leases", "start new-uuid"}},
	"spawn, half-made": {plan.Action{Verb: plan.Create, Host: "h", Spawn: web(made), Keep: []string{"tiny.web.qcow2"},
		Changes: []plan.Change{{Field: "vcpus", From: "1", To: "2"}}}, []string{
		"check tiny.golden-abc", "create tiny.web.data.qcow2 7 ", "write seed tiny.web.seed.iso for u",
		"redefine u [vcpus 1 → 2]", "mark u ready", "autostart u true"}},
	"spawn, taken up standing alone": {plan.Action{Verb: plan.Create, Host: "h",
		Spawn: web(func(s *plan.Spawn) { s.Standalone, s.Autostart, s.Disks = true, false, nil }),
		Keep:  []string{"tiny.web.qcow2", "tiny.web.seed.iso"}}, []string{"define tiny.web", "mark new-uuid ready"}},
	"update": {plan.Action{Verb: plan.Update, Host: "h", Spawn: web(made), Start: true,
		Changes: []plan.Change{{Field: "memory"}, {Field: "autostart"}, {Field: "state"}}}, []string{
		"redefine u [memory  →  autostart  →  state  → ]", "autostart u true", "check tiny.golden-abc", "remember leases", "start u"}},
	"update, grow and consolidate": {plan.Action{Verb: plan.Update, Host: "h", Spawn: web(made), Pull: true,
		Grow: []plan.Growth{{Volume: "tiny.web.qcow2", Size: 9}}}, []string{
		"running?", "grow tiny.web.qcow2 9", "backing of tiny.web.qcow2", "room for tiny.web.qcow2",
		"running?", "flatten tiny.web.qcow2", "backing of tiny.web.qcow2"}},
	"update, stop": {plan.Action{Verb: plan.Update, Host: "h", Spawn: web(made), Stop: true,
		Changes: []plan.Change{{Field: "state"}}}, []string{"stop u"}},
	"destroy": {plan.Action{Verb: plan.Destroy, Host: "h", Spawn: web(made)}, []string{
		"references", "mark u deleting", "kill u", "delete tiny.web.qcow2", "delete tiny.web.data.qcow2",
		"forget tiny.web.seed.iso", "remove seed tiny.web.seed.iso", "undefine u"}},
	"destroy, a disk stays": {plan.Action{Verb: plan.Destroy, Host: "h", Spawn: web(made), Keep: []string{"tiny.web.data.qcow2"}}, []string{
		"references", "mark u deleting", "kill u", "delete tiny.web.qcow2",
		"forget tiny.web.seed.iso", "remove seed tiny.web.seed.iso", "undefine u"}},
	"build":        {imageAction(plan.Build), []string{"publish tiny.golden-abc", "refresh"}},
	"mend":         {imageAction(plan.Update), []string{"mend tiny.golden-abc"}},
	"remove image": {imageAction(plan.Destroy), []string{"references", "remove tiny.golden-abc", "refresh"}},
	"leftover":     {plan.Action{Verb: plan.Destroy, Host: "h", File: ".tmp"}, []string{"remove leftover .tmp"}},
}

func TestVerbsTakeTheirStepsInOrder(t *testing.T) {
	for name, c := range verbs {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			if err := (Hosts{"h": f.host()}).Execute(t.Context(), c.action, func(string) {}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, f.calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFailedStepEndsItsVerbAndIsExplained(t *testing.T) {
	for name, c := range verbs {
		for i := range c.want {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				f := &fake{failCall: i + 1}
				err := (Hosts{"h": f.host()}).Execute(t.Context(), c.action, func(string) {})
				var failed *StepError
				if !errors.As(err, &failed) || !errors.Is(err, errFake) || failed.Step == "" || failed.Left == "" {
					t.Errorf("%v", err)
				}
				if diff := cmp.Diff(c.want[:i+1], f.calls); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestACancelledVerbTakesNoNewStep(t *testing.T) {
	for name, c := range verbs {
		var all []string
		must(t, (Hosts{"h": (&fake{}).host()}).Execute(t.Context(), c.action, func(s string) { all = append(all, s) }))
		for i := range all {
			ctx, cancel := context.WithCancel(t.Context())
			var steps []string
			err := (Hosts{"h": (&fake{}).host()}).Execute(ctx, c.action, func(s string) {
				if steps = append(steps, s); len(steps) == i+1 {
					cancel()
				}
			})
			cancel()
			own := len(steps) == i+1 || name == "build" // a driver names steps of its own
			if !own || i+1 < len(all) && name != "build" && !errors.Is(err, ErrInterrupted) {
				t.Errorf("%s, cancelled in step %d: %v, %v", name, i+1, steps, err)
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasMadeTellsWhatIsLeft(t *testing.T) {
	for failAt, want := range map[string]string{
		"check": "Nothing was made", "define": "Nothing was made",
		"create": "Left: domain tiny.web, half-made", "start": "It is made; the next apply goes on",
	} {
		f := &fake{failAt: failAt}
		err := (Hosts{"h": f.host()}).Execute(t.Context(), verbs["spawn"].action, func(string) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", failAt, err)
		}
	}
}

func TestADestroyLooksAgainAtWhatUsesItsDisks(t *testing.T) {
	other := plan.User{Kind: "domain", Name: "other"}
	for name, c := range map[string]struct {
		references plan.References
		calls      []string
		fails      bool
	}{
		"another user": {plan.References{Users: map[string][]plan.User{
			"/pool/tiny.web.qcow2": {{Kind: "domain", Name: "tiny.web"}, other},
		}}, []string{"references", "mark u deleting", "kill u", "delete tiny.web.data.qcow2",
			"forget tiny.web.seed.iso", "remove seed tiny.web.seed.iso", "undefine u"}, false},
		"snapshots": {plan.References{Snapshots: map[string]int{"u": 1}}, []string{"references"}, true},
		"unknown":   {plan.References{Unknown: []string{"pool x"}}, []string{"references"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{references: c.references}
			err := (Hosts{"h": f.host()}).Execute(t.Context(), verbs["destroy"].action, func(string) {})
			if (err != nil) != c.fails {
				t.Errorf("%v", err)
			}
			if diff := cmp.Diff(c.calls, f.calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReferencesAreReadOnceForAllDestroysAndAnewForEachImage(t *testing.T) {
	f := &fake{}
	hosts := Hosts{"h": f.host()}
	for _, name := range []string{"destroy", "destroy", "remove image", "remove image"} {
		if err := hosts.Execute(t.Context(), verbs[name].action, func(string) {}); err != nil {
			t.Fatal(err)
		}
	}
	count := 0
	for _, call := range f.calls {
		if call == "references" {
			count++
		}
	}
	if count != 3 {
		t.Errorf("read %d times", count)
	}
}

func TestAnImageInUseIsNotRemoved(t *testing.T) {
	f := &fake{references: plan.References{Users: map[string][]plan.User{
		"/pool/tiny.golden-abc.qcow2": {{Kind: "image", Name: "/home/x"}},
	}}}
	err := (Hosts{"h": f.host()}).Execute(t.Context(), imageAction(plan.Destroy), func(string) {})
	if err == nil || !strings.Contains(err.Error(), "image /home/x depends on it now") {
		t.Errorf("%v", err)
	}
}

func TestAWaitKnowsTheNewDomain(t *testing.T) {
	f := &fake{failAt: "wait"}
	hosts := Hosts{"h": f.host()}
	action := verbs["spawn"].action
	if err := hosts.Execute(t.Context(), action, func(string) {}); err != nil {
		t.Fatal(err)
	}
	_, err := hosts.Await(t.Context(), action)
	if err == nil || !strings.Contains(err.Error(), "virsh console tiny.web") || f.calls[len(f.calls)-1] != "wait new-uuid" {
		t.Errorf("%v, %v", err, f.calls)
	}
}
