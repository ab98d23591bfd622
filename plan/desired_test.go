package plan

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pcloud-apply/inventory"
	"pcloud-apply/inventory/distro"
)

func lab(spawns map[string]inventory.Spawn) *inventory.Inventory {
	return &inventory.Inventory{
		Name:  "lab",
		Hosts: map[string]inventory.Host{"local": {Pool: "default"}},
		Images: map[string]inventory.Image{
			"tiny": {Source: &inventory.Source{File: "/src", Content: "sha256:00"}},
		},
		Spawns: spawns,
	}
}

func TestGroupsAreExpandedInNaturalOrder(t *testing.T) {
	n := 11
	state := Desired(lab(map[string]inventory.Spawn{
		"web": {Image: "tiny", Host: "local", Count: &n}, "db": {Image: "tiny", Host: "local"},
	}), "here")
	var names []string
	for _, s := range state.Spawns {
		names = append(names, s.Name)
	}
	want := []string{"db", "web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8", "web-9", "web-10", "web-11"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestNamesOfDigitsHaveAnOrder(t *testing.T) {
	names := []string{"10", "a", "2", "a1", "0", "a-10", "a-9"}
	slices.SortFunc(names, compareNatural)
	if diff := cmp.Diff([]string{"0", "2", "10", "a", "a1", "a-9", "a-10"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestADeclarationIsCarriedOver(t *testing.T) {
	inv := lab(map[string]inventory.Spawn{"web": {
		Image: "tiny", Host: "local", VCPUs: 2, Memory: 3 << 30, Disk: inventory.Disk{Size: 4 << 30}, Autostart: true, Protect: true,
		Disks:     map[string]inventory.Disk{"logs": {Size: 6}, "data": {Size: 5}},
		Networks:  []inventory.NIC{{Network: "default"}, {Bridge: "br0", MAC: "52:54:00:00:00:01"}},
		CloudInit: inventory.CloudInit{User: "ops"}, SSHAuthorizedKeys: []string{"ssh-ed25519 x"},
		Standalone: true, State: "stopped",
		Shutdown: inventory.Shutdown{Timeout: time.Minute, Then: "force"}, Wait: inventory.Wait{For: "ssh", Timeout: time.Hour},
		At: inventory.Position{File: "cloud.yaml", Line: 9, Column: 3},
	}})
	want := Spawn{
		Host: "local", Name: "web", Domain: "tiny.web", Image: "tiny", Generation: imageHash("lab", "tiny", inv.Images["tiny"]),
		VCPUs: 2, Memory: 3 << 30, Disk: 4 << 30, Disks: []Disk{{"data", 5}, {"logs", 6}},
		NICs:      []NIC{{Network: "default", MAC: deriveMAC("lab", "web", 0)}, {Bridge: "br0", MAC: "52:54:00:00:00:01"}},
		Autostart: true, Protect: true, Power: Stopped, Group: "web", Consolidate: true,
		Seed:     Seed{Hostname: "web", User: "ops", Keys: []string{"ssh-ed25519 x"}},
		Shutdown: Shutdown{Timeout: time.Minute, Force: true}, Wait: Wait{For: "ssh", Timeout: time.Hour}, At: "cloud.yaml:9:3",
	}
	if diff := cmp.Diff([]Spawn{want}, Desired(inv, "here").Spawns); diff != "" {
		t.Error(diff)
	}
}

func TestDerivedMACsAreStableLocalAndDistinct(t *testing.T) {
	// Changing this would give every guest of every user another address.
	if got := deriveMAC("homelab", "web-1", 0); got != "02:aa:9d:8b:49:c0" {
		t.Errorf("the MAC of homelab, web-1, 0 is %s", got)
	}
	shape, seen := regexp.MustCompile(`^02(:[0-9a-f]{2}){5}$`), map[string]bool{}
	for i := range 100_000 {
		mac := deriveMAC("lab", fmt.Sprintf("vm-%d", i/2), i%2)
		if seen[mac] || !shape.MatchString(mac) {
			t.Fatalf("%s for the %dth card", mac, i)
		}
		seen[mac] = true
	}
}

func TestTheHashFollowsTheDefinitionAndNothingElse(t *testing.T) {
	base := inventory.Image{Source: &inventory.Source{File: "/a", Content: "sha256:00"}}
	moved := inventory.Image{Source: &inventory.Source{File: "/b", Content: "sha256:00"}, At: inventory.Position{Line: 7}}
	content := inventory.Image{Source: &inventory.Source{File: "/a", Content: "sha256:01"}}
	disk := inventory.Image{Source: base.Source, Disk: 1 << 30}
	hash := imageHash("lab", "tiny", base)
	if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(hash) {
		t.Errorf("hash %q", hash)
	}
	if got := imageHash("lab", "tiny", moved); got != hash {
		t.Error("another path or place of the same content changes the hash")
	}
	for name, got := range map[string]string{
		"content": imageHash("lab", "tiny", content), "disk": imageHash("lab", "tiny", disk),
		"image": imageHash("lab", "other", base), "inventory": imageHash("home", "tiny", base),
	} {
		if got == hash {
			t.Errorf("another %s gives the same hash", name)
		}
	}
}

func TestTheHashCoversAllThatShapesAnImage(t *testing.T) {
	type image = inventory.Image
	file := func(text string) inventory.File { return inventory.File{Path: "/x", Content: []byte(text)} }
	bootstrap := func(b inventory.Bootstrap) image { return image{Bootstrap: &b} }
	install := func(i inventory.Install) image { return image{Install: &i} }
	prepare := func(p inventory.Prepare) image {
		return image{Source: &inventory.Source{Content: "sha256:00"}, Prepare: &p}
	}
	answers := func(kind distro.Kind, text string) distro.Answers {
		return distro.Answers{Kind: kind, Content: []byte(text)}
	}
	variants := []image{
		{Source: &inventory.Source{Content: "sha256:00"}},
		bootstrap(inventory.Bootstrap{}), bootstrap(inventory.Bootstrap{Suite: "a"}), bootstrap(inventory.Bootstrap{Mirror: "a"}),
		bootstrap(inventory.Bootstrap{Components: []string{"a"}}), bootstrap(inventory.Bootstrap{Packages: []string{"a"}}),
		bootstrap(inventory.Bootstrap{Keyring: file("a")}),
		install(inventory.Install{}), install(inventory.Install{Content: []string{"a"}}), install(inventory.Install{KernelArgs: "a"}),
		install(inventory.Install{Answers: answers(distro.Preseed, "a")}), install(inventory.Install{Answers: answers(distro.Kickstart, "a")}),
		install(inventory.Install{Answers: answers(distro.Preseed, "b")}),
		prepare(inventory.Prepare{}), prepare(inventory.Prepare{Packages: []string{"a"}}), prepare(inventory.Prepare{Run: []string{"a"}}),
		prepare(inventory.Prepare{SSHAuthorizedKeys: []string{"a"}}), prepare(inventory.Prepare{Timezone: "a"}),
		prepare(inventory.Prepare{Copy: []inventory.Copy{{From: file("a")}}}), prepare(inventory.Prepare{Copy: []inventory.Copy{{To: "a"}}}),
		prepare(inventory.Prepare{Copy: []inventory.Copy{{Mode: "a"}}}), prepare(inventory.Prepare{Copy: []inventory.Copy{{Owner: "a"}}}),
	}
	seen := map[string]int{}
	for i, v := range variants {
		hash := imageHash("lab", "tiny", v)
		if first, same := seen[hash]; same {
			t.Errorf("variants %d and %d have one hash: %+v", first, i, v)
		}
		seen[hash] = i
	}
	for _, same := range []image{
		install(inventory.Install{Memory: 1, VCPUs: 1, Network: "a", Timeout: 1, Location: "/a", Kernel: "/a", Distro: "a"}),
		{Bootstrap: &inventory.Bootstrap{}, Canary: true},
	} {
		if _, known := seen[imageHash("lab", "tiny", same)]; !known {
			t.Errorf("what does not shape the image changes its hash: %+v", same)
		}
	}
}

func TestAnImageGoesToTheHostsOfItsSpawns(t *testing.T) {
	inv := lab(map[string]inventory.Spawn{"a": {Image: "tiny", Host: "one"}})
	inv.Hosts = map[string]inventory.Host{"one": {}, "two": {}}
	inv.Images["spare"] = inventory.Image{Source: &inventory.Source{Content: "sha256:02"}}
	var got []string
	for _, g := range Desired(inv, "here").Images {
		got = append(got, g.Host+"/"+g.Image)
	}
	if diff := cmp.Diff([]string{"one/spare", "one/tiny", "two/spare"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSeedHashCoversEveryInput(t *testing.T) {
	seeds := []Seed{
		{}, {Hostname: "a"}, {User: "a"}, {Keys: []string{"a"}}, {Keys: []string{"a", "b"}},
		{UserData: []byte("a")}, {NetworkConfig: []byte("a")},
	}
	seen := map[string]int{}
	for i, s := range seeds {
		if j, ok := seen[s.Hash()]; ok {
			t.Errorf("seeds %d and %d have the same hash", j, i)
		}
		seen[s.Hash()] = i
	}
}

func TestBytesAreExact(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1 << 30: "1GiB", 96 << 20: "96MiB", 1<<30 + 1024: "1048577KiB", 1<<30 + 1: "1073741825B"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestOverview(t *testing.T) {
	missing := desire(func(s *Spawn) { s.Name, s.Domain = "new", "tiny.new" })
	broken := ready(func(s *Spawn) {
		s.Name, s.Domain, s.UUID, s.Root = "bad", "tiny.bad", "u-bad", folder+"/tiny.bad.qcow2"
	})
	half := ready(func(s *Spawn) { s.Name, s.Domain, s.UUID, s.Phase = "half", "tiny.half", "u-half", Creating })
	actual := host([]Generation{golden(current)}, ready(), broken, half)
	delete(actual.Volumes, VolumeKey{"local", "tiny.bad.qcow2"})
	got := map[string]string{}
	for _, s := range Overview(actual, wish(web(), missing)) {
		got[s.Spawn.Name] = fmt.Sprintf("%s %q %v %v", s.State, s.Disk, s.Current, s.Declared)
	}
	want := map[string]string{
		"web": `running "overlay" true true`, "new": `missing "" false true`,
		"bad": `damaged "" false false`, "half": `half-made "" false false`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
