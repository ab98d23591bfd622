package inventory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// memory is a Files of texts by base name.
type memory map[string]string

func (m memory) Digest(path string) (string, error) {
	if _, err := m.Read(path); err != nil {
		return "", err
	}
	return strings.Repeat("ab", 32), nil
}

func (m memory) Read(path string) ([]byte, error) {
	text, ok := m[filepath.Base(path)]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.New("no such file or directory")}
	}
	return []byte(text), nil
}

var files = memory{"a.img": "", "user.yaml": "#cloud-config\n", "plain.txt": "hello\n", "net.yaml": "version: 2\n", "list.yaml": "- a\n"}

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXm6KKzyNKLUYVjiADtVlkzvKWqBVM9aHtgN8RsnE7a me"

// head is the beginning of most cases; what follows begins in line 4.
const head = "version: 1\nname: lab\nimages: {tiny: {source: {file: a.img}}}\n"

func TestEveryExampleIsValid(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(paths) < 6 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		inv, err := Load(path, text, disk{})
		if err != nil {
			t.Error(err)
		} else if len(inv.NotSupported) > 0 && filepath.Base(path) != "every-field.yaml" {
			t.Errorf("%v", inv.NotSupported)
		}
	}
}

// disk reads real files.
type disk struct{}

func (disk) Read(path string) ([]byte, error)   { return os.ReadFile(path) }
func (disk) Digest(path string) (string, error) { return "", errors.New("read " + path) }

func TestTheDocumentedExampleIsValidAndHasEveryField(t *testing.T) {
	const path = "../examples/every-field.yaml"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Load(path, text, disk{})
	if err != nil {
		t.Fatal(err)
	}
	db := inv.Spawns["db"]
	if db.Memory != 4<<30 || db.Disks["data"].Size != 100<<30 || db.Shutdown != (Shutdown{3 * time.Minute, "fail"}) || !db.Protect {
		t.Errorf("%+v", db)
	}
	web := inv.Spawns["web"]
	if web.CloudInit.User != "ops" || !strings.HasSuffix(web.CloudInit.UserData.Path, "/examples/files/web.yaml") || *web.Count != 3 {
		t.Errorf("defaults are not merged: %+v", web)
	}
	for _, field := range everyField() {
		if !strings.Contains(string(text), field+":") {
			t.Errorf("the example lacks the field %s", field)
		}
	}
}

func TestDefaults(t *testing.T) {
	inv, err := Load("cloud.yaml", []byte(head+"spawns: {web: {image: tiny}}\n"), files)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) Position { return Position{"cloud.yaml", line, column} }
	want := Spawn{
		Image: "tiny", Host: "local", VCPUs: 1, MaxVCPUs: 1, Memory: 1 << 30, MaxMemory: 1 << 30,
		Disk: Disk{Cache: "default", Discard: "unmap"}, Networks: []NIC{{Network: "default"}}, Graphics: "none",
		State: "running", Shutdown: Shutdown{time.Minute, "force"}, Restart: "never", OnImageChange: "keep", OnCloudInitChange: "keep",
		Wait: Wait{"ip", 5 * time.Minute}, At: at(4, 10),
	}
	if diff := cmp.Diff(want, inv.Spawns["web"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]Host{"local": {Pool: "default", Network: "default", Accelerator: "auto"}}, inv.Hosts); diff != "" {
		t.Error(diff)
	}
	if inv.Policy.MaxDestroy != 5 || inv.Images["tiny"].Source.Content != "sha256:"+strings.Repeat("ab", 32) {
		t.Errorf("%+v %+v", inv.Policy, inv.Images["tiny"].Source)
	}
}

func TestValid(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		check func(*Inventory) bool
	}{
		"defaults merge deep, lists replace": {
			"defaults: {image: tiny, cloud_init: {user: ops}, networks: [{network: a}], disks: {x: {size: 1G}}}\n" +
				"spawns: {web: {cloud_init: {user_data: user.yaml}, networks: [{network: b}], disks: {y: {size: 1G}}}}\n",
			func(inv *Inventory) bool {
				s := inv.Spawns["web"]
				return s.CloudInit.User == "ops" && s.CloudInit.UserData.Path != "" && len(s.Networks) == 1 && len(s.Disks) == 2
			}},
		"anchors, merge keys and x- keys": {
			"x-base: &base {image: tiny, vcpus: 2}\nspawns: {a: {<<: *base, vcpus: 3}, b: *base}\n",
			func(inv *Inventory) bool {
				return inv.Spawns["a"].VCPUs == 3 && inv.Spawns["a"].Image == "tiny" && inv.Spawns["b"].VCPUs == 2
			}},
		"a spawn of nothing but defaults": {"defaults: {image: tiny}\nspawns:\n  web:\n",
			func(inv *Inventory) bool { return inv.Spawns["web"].Image == "tiny" }},
		"no spawns": {"spawns:\n", func(inv *Inventory) bool { return len(inv.Spawns) == 0 }},
		"units are binary": {
			"spawns: {a: {image: tiny, memory: 512, disk: 1GB}, b: {image: tiny, memory: 1.5GiB, disk: 1T}}\n",
			func(inv *Inventory) bool {
				a, b := inv.Spawns["a"], inv.Spawns["b"]
				return a.Memory == 512<<20 && a.Disk.Size == 1<<30 && b.Memory == 1536<<20 && b.Disk.Size == 1<<40
			}},
		"no network, no wait": {"spawns: {a: {image: tiny, networks: []}}\n",
			func(inv *Inventory) bool { s := inv.Spawns["a"]; return len(s.Networks) == 0 && s.Wait.For == "none" }},
		"MACs are lower-cased": {"spawns: {a: {image: tiny, networks: [{network: d, mac: \"52:54:00:AB:CD:EF\"}]}}\n",
			func(inv *Inventory) bool { return inv.Spawns["a"].Networks[0].MAC == "52:54:00:ab:cd:ef" }},
		"a byte order mark and CRLF": {"spawns: {a: {image: tiny}}\r\n", func(inv *Inventory) bool { return len(inv.Spawns) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			inv, err := Load("cloud.yaml", []byte("\ufeff"+head+c.text), files)
			if err != nil {
				t.Fatal(err)
			}
			if !c.check(inv) {
				t.Errorf("%+v", inv.Spawns)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	spawn := func(keys string) string { return "spawns: {web: {image: tiny, " + keys + "}}" }
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":            {spawn("memroy: 1G"), `4:29: spawns.web.memroy: unknown key (did you mean "memory"?)`},
		"another tool's key":     {spawn("cpus: 2"), `4:29: spawns.web.cpus: unknown key (did you mean "vcpus"?)`},
		"unknown top key":        {"vms: {}", `4:1: vms: unknown key (did you mean "spawns"?)`},
		"key twice":              {spawn("vcpus: 1, vcpus: 2"), "4:39: spawns.web.vcpus: it stands here for the second time; the first is in line 4"},
		"unknown image":          {"spawns: {web: {image: tinny}}", `4:23: spawns.web.image: there is no image "tinny" (did you mean "tiny"?)`},
		"no image":               {"spawns: {web: {}}", "4:10: spawns.web.image: is missing: the name of one of the images"},
		"a list for a number":    {spawn("vcpus: [1]"), "4:36: spawns.web.vcpus: wants a single value, got a list"},
		"a text for a number":    {spawn("vcpus: two"), `4:36: spawns.web.vcpus: wants a whole number, got "two"`},
		"octal":                  {spawn("vcpus: 010"), `4:36: spawns.web.vcpus: wants a whole number, got "010"`},
		"too many vcpus":         {spawn("vcpus: 1000"), "4:36: spawns.web.vcpus: wants 1 to 512"},
		"less than it has":       {spawn("vcpus: 4, max_vcpus: 2"), "4:50: spawns.web.max_vcpus: wants at least vcpus (4) and at most 512"},
		"less room than memory":  {spawn("max_memory: 512MiB"), "4:41: spawns.web.max_memory: is less than memory"},
		"no tag":                 {spawn("tags: [Web]"), `4:36: spawns.web.tags[0]: "Web" is no name: at most 41 of a-z, 0-9 and -, with a letter or digit at both ends`},
		"a tag twice":            {spawn("tags: [a, a]"), "4:39: spawns.web.tags[1]: a stands there twice"},
		"no CPU":                 {spawn(`cpu: "a b"`), `4:34: spawns.web.cpu: "a b" is no CPU, such as host-passthrough, host-model, maximum or a model's name`},
		"secure without UEFI":    {spawn("secure_boot: true"), "4:42: spawns.web.secure_boot: goes with uefi: true"},
		"cache of the root disk": {spawn("disk: {cache: fast}"), `4:43: spawns.web.disk.cache: wants default, none, writethrough, writeback, directsync, unsafe, got "fast"`},
		"discard of a disk":      {spawn("disks: {d: {size: 1G, discard: on}}"), `4:60: spawns.web.disks.d.discard: wants unmap, ignore, got "on"`},
		"relative share":         {spawn("shares: {d: {path: data}}"), "4:48: spawns.web.shares.d.path: wants the absolute path of a folder on the host, and not /"},
		"rollout of one":         {spawn("rollout: {max_unavailable: 1}"), "4:38: spawns.web.rollout: goes with count: a single spawn has none to take turns with"},
		"restart":                {spawn("restart: always"), `4:38: spawns.web.restart: wants never, when-needed, got "always"`},
		"nothing for a value":    {spawn("vcpus: "), "4:36: spawns.web.vcpus: needs a value"},
		"yes for a bool":         {spawn("autostart: yes"), `4:40: spawns.web.autostart: wants true or false, got "yes"`},
		"a number for a name":    {spawn("host: 1"), "4:35: spawns.web.host: wants a text, and YAML takes 1 for something else; write it in quotes"},
		"disk without unit":      {spawn("disk: 20"), "4:35: spawns.web.disk: a size needs a unit: 20GiB?"},
		"memory, odd":            {spawn("memory: 1000KiB"), "4:37: spawns.web.memory: 1000KiB is too small; the least is 16MiB"},
		"memory, not whole":      {spawn("memory: 20000001b"), "4:37: spawns.web.memory: 20000001b is not a whole number of MiB"},
		"disk, huge":             {spawn("disk: 99999T"), "4:35: spawns.web.disk: 99999T is too large; the most is 64TiB"},
		"time without unit":      {spawn("wait: {timeout: 60}"), "4:45: spawns.web.wait.timeout: a time needs a unit: 60s"},
		"enum":                   {spawn("state: runing"), `4:36: spawns.web.state: wants running, stopped, any, got "runing" (did you mean "running"?)`},
		"name grammar":           {"spawns: {Web_1: {image: tiny}}", `4:10: spawns.Web_1: "Web_1" is no name: at most 41 of a-z, 0-9 and -, with a letter or digit at both ends`},
		"reserved name":          {"spawns: {golden-x: {image: tiny}}", "4:10: spawns.golden-x: the name golden-x is reserved"},
		"path in a name":         {`spawns: {"../x": {image: tiny}}`, `4:10: spawns.../x: "../x" is no name: at most 41 of a-z, 0-9 and -, with a letter or digit at both ends`},
		"group and member":       {"spawns: {web: {image: tiny, count: 2}, web-2: {image: tiny}}", "4:40: spawns.web-2: is also the name of a member of the group web"},
		"count and mac":          {spawn(`count: 2, networks: [{network: d, mac: "02:00:00:00:00:01"}]`), "4:50: spawns.web.networks[0]: a group cannot share a mac or an ip; leave out count or these"},
		"network and bridge":     {spawn("networks: [{network: d, bridge: b}]"), "4:40: spawns.web.networks[0]: has bridge and network; only one of them can be"},
		"bad mac":                {spawn(`networks: [{network: d, mac: "52:54"}]`), `4:58: spawns.web.networks[0].mac: "52:54" is no MAC address such as 52:54:00:12:34:56`},
		"multicast mac":          {spawn(`networks: [{network: d, mac: "53:54:00:00:00:00"}]`), "4:58: spawns.web.networks[0].mac: 53:54:00:00:00:00 is a multicast address; no card can have it"},
		"mac twice":              {spawn(`networks: [{network: d, mac: "02:00:00:00:00:01"}, {network: d, mac: "02:00:00:00:00:01"}]`), "4:98: spawns.web.networks[1].mac: the MAC address 02:00:00:00:00:01 is taken by spawns.web.networks[0] already"},
		"gateway elsewhere":      {spawn("networks: [{bridge: b, ip: 10.0.0.5/24, gateway: 10.1.0.1}]"), `4:78: spawns.web.networks[0].gateway: "10.1.0.1" is no other address in 10.0.0.0/24`},
		"private key":            {spawn(`ssh_authorized_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"]`), "4:51: spawns.web.ssh_authorized_keys[0]: this is a private key, which must not be here; the public one is in the file that ends in .pub"},
		"cut off key":            {spawn(`ssh_authorized_keys: ["ssh-ed25519 AAAAC3Nz"]`), "4:51: spawns.web.ssh_authorized_keys[0]: this public key is damaged or cut off"},
		"missing file":           {spawn("cloud_init: {user_data: none}"), "4:53: spawns.web.cloud_init.user_data: cannot read /x/none: no such file or directory"},
		"useless user-data":      {spawn("cloud_init: {user_data: plain.txt}"), "4:53: spawns.web.cloud_init.user_data: cloud-init would ignore /x/plain.txt: it begins with none of #cloud-config, #!, #include, ## template:, #cloud-boothook, #part-handler, Content-Type:, MIME-Version:"},
		"useless network-config": {spawn("cloud_init: {network_config: list.yaml}"), "4:58: spawns.web.cloud_init.network_config: /x/list.yaml is no network configuration: it is not a YAML mapping"},
		"wait without network":   {spawn("networks: [], wait: {for: ip}"), "4:55: spawns.web.wait.for: there is nothing to wait for: the spawn has no network"},
		"control characters":     {spawn(`host: "a\nb"`), `4:35: spawns.web.host: it has control characters: "a\nb"`},
		"two hosts, one uri":     {"hosts: {a: {}, b: {}}", "4:16: hosts.b.uri: it is the same host as a"},
		"host is not named":      {"hosts: {a: {}, b: {uri: x}}\nspawns: {web: {image: tiny}}", "5:10: spawns.web.host: is missing: there are several hosts"},
		"negative budget":        {"policy: {max_destroy: -1}", "4:23: policy.max_destroy: cannot be negative"},
		"spawns is a list":       {"spawns: [a]", "4:9: spawns: wants a mapping of names, got a list"},
		"merge of a list":        {"spawns: {web: {<<: 3, image: tiny}}", `4:20: spawns.web: << wants a mapping, got "3"`},
		"defaults are wrong":     {"defaults: {vcpus: x}\nspawns: {a: {image: tiny}, b: {image: tiny}}", `4:19: defaults.vcpus: wants a whole number, got "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("/x/cloud.yaml", []byte(head+c.text+"\n"), files)
			if err == nil || strings.ReplaceAll(err.Error(), "/x/cloud.yaml:", "") != c.want {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFaultsOfTheWholeFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                  {"", "cloud.yaml: it is empty"},
		"comments only":          {"# nothing\n", "cloud.yaml: it is empty"},
		"second document":        {head + "---\na: 1\n", "cloud.yaml:4:1: a second YAML document begins here"},
		"too large":              {strings.Repeat("#", MaxBytes+1), "cloud.yaml: it is larger than 4 MiB"},
		"conflict":               {head + "<<<<<<< HEAD\na: 1\n=======\n", "cloud.yaml:4:1: a conflict marker of a git merge"},
		"not UTF-8":              {head + "a: \xff\n", "cloud.yaml:4: it is not valid UTF-8"},
		"syntax":                 {head + "a: [1\nb: 2\n", "not valid YAML in this line or next to it"},
		"a list":                 {"- a\n", `cloud.yaml:1:1: an inventory is a mapping`},
		"no version":             {"name: lab\n", "version: wants 1"},
		"another version":        {"version: 2\nname: lab\n", "cloud.yaml:1:10: version: wants 1"},
		"no name":                {"version: 1\n", "name: the inventory's name is missing"},
		"deeply nested":          {head + strings.Repeat("[", 100_000), "not valid YAML"},
		"alias bomb":             {bomb(), "it is nested too deeply, or in itself"},
		"alias in itself":        {head + "spawns: &a {web: *a}\n", "cloud.yaml"},
		"merge of itself":        {head + "spawns: &a {<<: *a}\n", "is nested too deeply, or in itself"},
		"defaults in themselves": {head + "defaults: &d {image: tiny, cloud_init: *d}\nspawns: {web: *d}\n", "is nested too deeply, or in itself"},
		"too many spawns":        {head + "defaults: {image: tiny, count: 1000}\nspawns: {" + many(11) + "}\n", "declares 11000 machines; the most is 10000"},
		"image of nothing":       {"version: 1\nname: a\nimages: {x: {}}\n", "images.x: wants one of bootstrap, install, source"},
		"http":                   {"version: 1\nname: a\nimages: {x: {source: {url: \"http://h/i\"}}}\n", "http is not protected on its way"},
		"password":               {"version: 1\nname: a\nimages: {x: {source: {url: \"https://me:pw@h/i\"}}}\n", "a password does not belong"},
		"bad checksum":           {"version: 1\nname: a\nimages: {x: {source: {file: a.img, sha256: \"12\"}}}\n", "wants 64 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load("cloud.yaml", []byte(c.text), files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
		})
	}
}

// bomb is an inventory of few bytes and, with its aliases followed, many spawns.
func bomb() string {
	text := head + "x-0: &a0 {image: tiny, networks: [{network: a}]}\n"
	for i := 1; i < 8; i++ {
		ref := fmt.Sprintf("*a%d, ", i-1)
		text += fmt.Sprintf("x-%d: &a%d [%s]\n", i, i, strings.Repeat(ref, 20))
	}
	return text + "spawns: {web: {image: tiny, ssh_authorized_keys: *a7, networks: *a7}}\n" + nested()
}

// nested are merge keys that multiply.
func nested() string {
	text := "x-m0: &m0 {vcpus: 1}\n"
	for i := 1; i < 15; i++ {
		text += fmt.Sprintf("x-m%d: &m%d {<<: [%s]}\n", i, i, strings.Repeat(fmt.Sprintf("*m%d, ", i-1), 10))
	}
	return text + "defaults: {<<: *m14}\n"
}

func many(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("s%d: {}", i))
	}
	return strings.Join(names, ", ")
}

func TestAllFaultsAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := Load("cloud.yaml", []byte(head+"policy: {max: 1}\nspawns:\n  a: {image: x, vcpus: 0}\n  b: {image: tiny, memory: lots}\n"), files)
	want := `cloud.yaml:4:10: policy.max: unknown key (did you mean "max_destroy"?)
cloud.yaml:6:14: spawns.a.image: there is no image "x"
cloud.yaml:6:24: spawns.a.vcpus: wants 1 to 512
cloud.yaml:7:28: spawns.b.memory: wants a size such as 512MiB or 20GiB, got "lots"`
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestWhatIsNotSupportedYetIsTold(t *testing.T) {
	text := "version: 1\nname: lab\nhosts: {h: {uri: qemu+ssh://there/system}}\nimages:\n" +
		"  a: {bootstrap: {suite: bookworm}, prepare: {run: [x]}}\n  b: {install: {distro: rocky9}}\n  c: {source: {url: \"https://x/y\"}}\n" +
		"spawns:\n  s: {image: a, standalone: true, uefi: true, on_cloud_init_change: respawn,\n" +
		"      networks: [{bridge: b, ip: 10.0.0.1/8}], wait: {for: ip}}\n"
	inv, err := Load("f", []byte(text), files)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fault := range inv.NotSupported {
		got = append(got, strings.TrimPrefix(fault.Path, "spawns.s."))
		if !strings.HasPrefix(fault.Problem, "not supported yet: ") || fault.At.Line == 0 {
			t.Errorf("%v", fault)
		}
	}
	want := []string{
		"hosts.h.uri",
		"uefi", "on_cloud_init_change", "networks[0].ip", "wait.for",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestURIsOfThisMachine(t *testing.T) {
	for uri, server := range map[string]bool{
		"": false, "qemu:///system": false, "qemu+unix:///system?socket=/x": false, "test:///a/b.xml": false,
		"qemu+ssh://host/system": true, "qemu://host/system": true, "qemu+ssh://root@host:22/system": true,
	} {
		if NamesServer(uri) != server {
			t.Errorf("%s: %v", uri, !server)
		}
	}
}

func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile("../examples/every-field.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	f.Add([]byte(head + "spawns: {web: {image: tiny, ssh_authorized_keys: [\"" + key + "\"]}}\n"))
	f.Add([]byte(head + "x-a: &a {vcpus: 2}\nspawns: {web: {<<: [*a, *a], image: tiny}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		inv, err := Load("f", text, files)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("a fault without a place: %v", err)
			}
			return
		}
		for name, s := range inv.Spawns {
			if !namePattern.MatchString(name) || s.VCPUs < 1 || s.Memory < minMemory || inv.Images[s.Image].At.Line == 0 {
				t.Errorf("spawn %q was taken: %+v", name, s)
			}
		}
	})
}
