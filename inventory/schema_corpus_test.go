package inventory

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// compiled is a part of the schema as it is shipped, at a JSON pointer; "" is all of it.
func compiled(t *testing.T, pointer string) *validator.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := validator.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := validator.NewCompiler()
	if err := compiler.AddResource("cloud.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("cloud.schema.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate looks at an inventory as an editor with the schema does.
func validate(s *validator.Schema, text []byte) error {
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		return err
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		return err // a key that is no text
	}
	document, err := validator.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		return err
	}
	return s.Validate(document)
}

func TestTheSchemaTakesEveryExample(t *testing.T) {
	s := compiled(t, "")
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(paths) < 6 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if line, _, _ := strings.Cut(string(text), "\n"); line != "# yaml-language-server: $schema=../docs/cloud.schema.json" {
			t.Errorf("%s does not name its schema to editors in its first line", path)
		}
	}
}

func TestTheSchemaTakesWhatLoadTakes(t *testing.T) {
	s := compiled(t, "")
	for name, text := range map[string]string{
		"nothing but a head":        "",
		"empty mappings":            "hosts:\npolicy:\nimages:\ndefaults:\nspawns:\n",
		"x- keys and anchors":       "x-a: &a {vcpus: 2}\nx-list: [1, {}]\nspawns: {a: {<<: *a, image: i}}\n",
		"image of defaults":         "defaults: {image: i}\nspawns: {a: , b: {}}\n",
		"memory as a number":        "defaults: {image: i, memory: 512}\n",
		"sizes":                     "defaults: {image: i, disk: 1.5 GiB, memory: 64m}\nspawns: {a: {disk: 20G}, b: {disk: {size: 10gb, cache: none}}}\n",
		"size of defaults":          "defaults: {image: i, disks: {data: {size: 1G}}}\nspawns: {a: {disks: {data: {cache: none}}}, b: {disks: {data: 2G}}}\n",
		"times":                     "spawns: {a: {image: i, wait: {timeout: 1h30m}, shutdown: {timeout: 1.5m}}}\n",
		"no networks":               "spawns: {a: {image: i, networks: []}, b: {image: i, networks: }}\n",
		"host of defaults":          "hosts: {a: {}, b: {uri: \"test:///x\"}}\ndefaults: {host: a}\nspawns: {s: {image: i}}\n",
		"an upper-case MAC":         "spawns: {a: {image: i, networks: [{bridge: b, mac: \"52:54:00:AB:CD:EF\"}]}}\n",
		"an address of version 6":   "spawns: {a: {image: i, networks: [{bridge: b, ip: \"fd00::5/64\", gateway: \"fd00::1\"}]}}\n",
		"an upper-case checksum":    "images: {i: {source: {url: \"http://h/i\", sha256: " + strings.Repeat("AB", 32) + "}}}\n",
		"an installer of parts":     "images: {i: {disk: 1GiB, install: {kernel: a.img, initrd: a.img, preseed: user.yaml}}}\n",
		"a group with its network":  "spawns: {a: {image: i, count: 2, networks: [{network: n}], rollout: {max_unavailable: 1}}}\n",
		"a negative budget is none": "policy: {max_destroy: 0}\n",
	} {
		text = "version: 1\nname: lab\n" + text
		if !strings.Contains(text, "images:") {
			text += "images: {i: {source: {file: a.img}}}\n"
		}
		if _, err := Load("/x/cloud.yaml", []byte(text), files); err != nil {
			t.Errorf("%s: Load: %v", name, err)
		}
		if err := validate(s, []byte(text)); err != nil {
			t.Errorf("%s: the schema: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesWhatItCan(t *testing.T) {
	s := compiled(t, "")
	spawn := func(keys string) string { return "spawns: {web: {image: tiny, " + keys + "}}" }
	for _, text := range []string{
		"nmae: x", "spawns: [a]", "spawns: {Web_1: {image: tiny}}", "spawns: {golden-x: {image: tiny}}", `spawns: {"../x": {image: tiny}}`,
		"spawns: {web: {}}", "spawns: {web: }", "defaults: {}\nspawns: {web: {}}", "hosts: {a: {}, b: {uri: x}}\nspawns: {web: {image: tiny}}",
		"policy: {max: 1}", "policy: {max_destroy: -1}", "hosts: {a: {accelerator: xen}}", "hosts: {a: {pool: a/b}}",
		"images: {x: {}}", "images: {x: {source: {file: a, url: \"https://h/i\"}}}", "images: {x: {source: {file: a}, install: {distro: rocky9}}}",
		"images: {x: {source: {url: \"http://h/i\"}}}", "images: {x: {source: {url: \"ftp://h/i\"}}}", "images: {x: {source: {file: a.img, sha256: \"12\"}}}",
		"images: {x: {bootstrap: {}}}", "images: {x: {bootstrap: {suite: \"-x\"}}}", "images: {x: {bootstrap: {suite: sid}, canary: 1}}",
		"images: {x: {install: {distro: roky9}}}", "images: {x: {install: {distro: rocky9, preseed: a, kickstart: b}}}",
		"images: {x: {install: {distro: rocky9, kernel: k}}}", "images: {x: {install: {location: a.iso}}}", "images: {x: {install: {preseed: a}}}",
		"images: {x: {install: {distro: rocky9, location: a.iso, kernel: k, initrd: i}}}",
		"images: {x: {source: {file: a}, prepare: {copy: [{from: f}]}}}", "images: {x: {source: {file: a}, prepare: {copy: [{from: f, to: etc}]}}}",
		"images: {x: {source: {file: a}, prepare: {run: [\" \"]}}}", "images: {x: {source: {file: a}, prepare: {timezone: \"../x\"}}}",
		spawn("memroy: 1G"), spawn("cpus: 2"), spawn("vcpus: two"), spawn("vcpus: 1000"), spawn("vcpus: 0"), spawn("vcpus: "), spawn("count: 0"),
		spawn("tags: [Web]"), spawn("tags: [a, a]"), spawn(`cpu: "a b"`), spawn("disk: {cache: fast}"), spawn("disks: {d: {size: 1G, discard: on}}"),
		spawn("shares: {d: {path: data}}"), spawn("restart: always"), spawn("autostart: yes"), spawn("host: 1"), spawn("disk: 20"), spawn("disks: {d: {}}"),
		spawn("memory: 4"), spawn("memory: 1.5"), spawn("memory: lots"), spawn("wait: {timeout: 60}"), spawn("wait: {timeout: -5s}"), spawn("state: runing"),
		spawn("wait: {for: dns}"), spawn(`count: 2, networks: [{network: d, mac: "02:00:00:00:00:01"}]`), spawn("networks: [{network: d, bridge: b}]"),
		spawn("networks: [{}]"), spawn(`networks: [{network: d, mac: "52:54"}]`), spawn(`networks: [{network: d, mac: "53:54:00:00:00:00"}]`),
		spawn(`networks: [{network: d, mac: "fe:54:00:00:00:00"}]`), spawn("networks: [{bridge: b, gateway: 10.1.0.1}]"), spawn("networks: [{bridge: b, ip: 10.0.0.5}]"),
		spawn(`ssh_authorized_keys: ["-----BEGIN OPENSSH PRIVATE KEY-----"]`), spawn(`ssh_authorized_keys: ["ssh-ed25519 AAAAC3Nz"]`),
		spawn("cloud_init: {user: Root}"), spawn("cloud_init: {user_data: }"), spawn(`host: "a\nb"`), spawn("rollout: {max_unavailable: -1}"), spawn("rollout: 1"),
	} {
		text = head + text + "\n"
		if strings.Contains(text, "x: {") {
			text = strings.Replace(text, "images: {tiny: {source: {file: a.img}}}\n", "", 1)
		}
		if _, err := Load("/x/cloud.yaml", []byte(text), files); err == nil {
			t.Errorf("Load takes\n%s", text)
		}
		if validate(s, []byte(text)) == nil {
			t.Errorf("the schema takes\n%s", text)
		}
	}
}

func TestTheSchemaTakesItsOwnExamples(t *testing.T) {
	for path, m := range meanings {
		name, field, is := strings.Cut(path, ".")
		if !is || m.example == "" {
			continue
		}
		pointer := "/$defs/" + name + "/properties/" + field
		if name == "Inventory" {
			pointer = "/properties/" + field
		}
		if err := validate(compiled(t, pointer), []byte(m.example)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
