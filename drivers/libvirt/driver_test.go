package libvirt

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	lv "libvirt.org/go/libvirt"

	"pcloud-apply/plan"
)

// node is a host of libvirt's own test driver, with a foreign domain and a pool
// in the given folder.
const node = `<node>
<domain type='test'><name>foreign</name><uuid>11111111-1111-4111-8111-111111111111</uuid>
 <memory unit='KiB'>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>
%s
<network><name>default</name><bridge name='virbr0'/><ip address='192.168.122.1' netmask='255.255.255.0'/></network>
<pool type='dir'><name>default</name><target><path>%s</path></target></pool>
</node>`

// open gives a private host of the test driver.
func open(t *testing.T, domains string) *Host {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "node.xml")
	if err := os.WriteFile(path, fmt.Appendf(nil, node, domains, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := Open(Config{
		Name: "local", URI: "test://" + path, Pool: "default", Accelerator: "tcg",
		Inventory: "lab", Origin: "here", Tool: "v1", Commit: "c0ffee",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("references leaked: %v", err)
		}
	})
	return h
}

func spawn() plan.Spawn {
	return plan.Spawn{
		Host: "local", Name: "web", Domain: "tiny.web", Image: "tiny", Generation: "0123456789ab", Fingerprint: "f00",
		VCPUs: 2, Memory: 256 << 20, Protect: true, SeedHash: "5eed",
		Disks: []plan.Disk{{Name: "data", Size: 1 << 30}},
		NICs:  []plan.NIC{{Network: "default", MAC: "02:00:00:00:00:01"}},
	}
}

func define(t *testing.T, h *Host, s plan.Spawn) plan.Spawn {
	t.Helper()
	uuid, err := h.Define(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	s.UUID = uuid
	return s
}

func inspect(t *testing.T, h *Host) Found {
	t.Helper()
	found, err := h.Inspect(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDefinedSpawnIsInspectedAsItWasWanted(t *testing.T) {
	h := open(t, "")
	want := define(t, h, spawn())
	found := inspect(t, h)
	want.Phase, want.Origin, want.Power, want.Accel = plan.Creating, "here", plan.Stopped, "qemu"
	want.NICs[0].Own = true
	want.Root = h.Folder + "/tiny.web.qcow2"
	if diff := cmp.Diff([]plan.Spawn{want}, found.Spawns); diff != "" {
		t.Error(diff)
	}
	if _, ok := found.Foreign[plan.DomainKey{Host: "local", Name: "foreign"}]; !ok {
		t.Errorf("the foreign domain is not seen as foreign: %v", found.Foreign)
	}
}

func TestDefineIsAnExclusiveCreate(t *testing.T) {
	h := open(t, "")
	define(t, h, spawn())
	if _, err := h.Define(t.Context(), spawn()); err == nil {
		t.Error("a second domain of the same name was defined over the first")
	}
	if found := inspect(t, h); len(found.Spawns) != 1 {
		t.Errorf("%d spawns", len(found.Spawns))
	}
}

func TestMarkRecordsThePhase(t *testing.T) {
	h := open(t, "")
	s := define(t, h, spawn())
	if err := h.Mark(t.Context(), s, plan.Ready); err != nil {
		t.Fatal(err)
	}
	if got := inspect(t, h).Spawns[0].Phase; got != plan.Ready {
		t.Errorf("phase %s", got)
	}
}

func TestNothingIsDoneToADomainThatIsNotOurs(t *testing.T) {
	h := open(t, "")
	stranger := spawn()
	stranger.UUID = "11111111-1111-4111-8111-111111111111"
	before := dump(t, h, stranger.UUID)
	ctx := t.Context()
	for name, act := range map[string]func() error{
		"mark":      func() error { return h.Mark(ctx, stranger, plan.Deleting) },
		"start":     func() error { return h.Start(ctx, stranger) },
		"stop":      func() error { return h.Stop(ctx, stranger) },
		"kill":      func() error { return h.Kill(ctx, stranger) },
		"autostart": func() error { return h.SetAutostart(ctx, stranger, true) },
		"undefine":  func() error { return h.Undefine(ctx, stranger) },
		"redefine": func() error {
			return h.Redefine(ctx, stranger, []plan.Change{{Field: plan.VCPUsField, From: "1", To: "2"}})
		},
	} {
		if err := act(); err == nil || !strings.Contains(err.Error(), "left alone") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, dump(t, h, stranger.UUID)); diff != "" {
		t.Error(diff)
	}
}

func TestACloneIsForeign(t *testing.T) {
	h := open(t, "")
	s := define(t, h, spawn())
	clone := strings.NewReplacer(
		"<name>tiny.web</name>", "<name>tiny.copy</name>",
		"<uuid>"+s.UUID+"</uuid>", "<uuid>22222222-2222-4222-8222-222222222222</uuid>",
	).Replace(dump(t, h, s.UUID))
	if err := h.call(t.Context(), func(c *connection) error { return defineXML(c, clone) }); err != nil {
		t.Fatal(err)
	}
	found := inspect(t, h)
	if len(found.Spawns) != 1 {
		t.Fatalf("the clone counts as a spawn: %v", found.Spawns)
	}
	if what := found.Foreign[plan.DomainKey{Host: "local", Name: "tiny.copy"}]; !strings.Contains(what, "clone") {
		t.Errorf("the clone is not told as one: %q", what)
	}
}

func TestRenamedSpawnIsFoundByItsMark(t *testing.T) {
	h := open(t, "")
	s := define(t, h, spawn())
	err := h.owned(t.Context(), s, func(_ *connection, domain *lv.Domain, _ mark) error {
		return domain.Rename("other", 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := h.Inspect(t.Context(), true)
	if err != nil || len(found.Spawns) != 1 || found.Spawns[0].Domain != "other" || len(found.Spawns[0].Foreign) != 0 {
		t.Errorf("%v, %+v", err, found.Spawns)
	}
}

func TestRedefineChangesOnlyWhatItIsTold(t *testing.T) {
	h := open(t, "")
	s := define(t, h, spawn())
	before := dump(t, h, s.UUID)
	s.VCPUs, s.Memory, s.Protect = 4, 512<<20, false
	err := h.Redefine(t.Context(), s, []plan.Change{{Field: plan.VCPUsField}, {Field: plan.MemoryField}, {Field: plan.ProtectField}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer(">262144<", ">524288<", ">2</vcpu>", ">4</vcpu>", `protect="true"`, `protect="false"`).Replace(before)
	if diff := cmp.Diff(want, dump(t, h, s.UUID)); diff != "" {
		t.Error(diff)
	}
}

func TestUndefineNeedsTheMarkDeleting(t *testing.T) {
	h := open(t, "")
	s := define(t, h, spawn())
	if err := h.Undefine(t.Context(), s); err == nil {
		t.Error("a domain that is not marked as deleting was undefined")
	}
}

func TestANewerMarkIsRefused(t *testing.T) {
	h := open(t, `<domain type='test'><name>tiny.web</name><memory>65536</memory><os><type>hvm</type></os>
<metadata><x:spawn xmlns:x='urn:pcloud-apply:spawn:2' inventory='lab'/></metadata></domain>`)
	if _, err := h.Inspect(t.Context(), false); err == nil || !strings.Contains(err.Error(), "newer pcloud-apply") {
		t.Errorf("%v", err)
	}
}

func TestMissingPoolAndNetworkNameTheCommandsThatMakeThem(t *testing.T) {
	h := open(t, "")
	if err := h.CheckNetworks(t.Context(), []string{"default", "absent"}); err == nil ||
		!strings.Contains(err.Error(), "net-start absent") {
		t.Errorf("%v", err)
	}
	_, err := Open(Config{Name: "local", URI: h.URI, Pool: "absent"})
	if err == nil || !strings.Contains(err.Error(), "pool-define-as absent") {
		t.Errorf("%v", err)
	}
}

func TestVolumesComeAndGo(t *testing.T) {
	h := open(t, "")
	ctx := t.Context()
	if err := h.Create(ctx, "a.qcow2", 1<<20, ""); err != nil {
		t.Fatal(err)
	}
	// The test driver keeps no files, so that the name looks as if its file had
	// been unlinked behind libvirt's back.
	if err := h.Delete(ctx, "a.qcow2"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if err := h.Delete(ctx, "a.qcow2"); err != nil {
		t.Errorf("a second delete: %v", err)
	}
}

func TestDACGroup(t *testing.T) {
	group, err := dacGroup(`<capabilities><host><secmodel><model>apparmor</model></secmodel>
<secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+64055:+106</baselabel></secmodel></host></capabilities>`)
	if err != nil || group != 106 {
		t.Errorf("group %d, %v", group, err)
	}
}

func dump(t *testing.T, h *Host, uuid string) string {
	t.Helper()
	var text string
	err := h.call(context.Background(), func(c *connection) error {
		domain, err := c.LookupDomainByUUIDString(uuid)
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }()
		text, err = domain.GetXMLDesc(lv.DOMAIN_XML_INACTIVE)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
