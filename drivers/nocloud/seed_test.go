package nocloud

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kdomanski/iso9660"
	"gopkg.in/yaml.v3"

	"pcloud-apply/plan"
)

// contents is what another implementation of ISO 9660 reads from the seed. That
// the driver of Linux reads it too is seen in the guests of the end to end tests.
func contents(t *testing.T, image []byte) map[string]string {
	t.Helper()
	opened, err := iso9660.OpenImage(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	root, err := opened.RootDir()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := root.GetChildren()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := io.ReadAll(entry.Reader())
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

func render(t *testing.T, seed plan.Seed) []byte {
	t.Helper()
	image, err := Render(seed, "an-id")
	if err != nil {
		t.Fatal(err)
	}
	return image
}

const generated = `#cloud-config
hostname: web
users:
    - name: ops
      sudo: ALL=(ALL) NOPASSWD:ALL
      shell: /bin/bash
      lock_passwd: true
      ssh_authorized_keys:
        - ssh-ed25519 AAAA me
`

func TestTheSeedHasItsFiles(t *testing.T) {
	for name, c := range map[string]struct {
		seed plan.Seed
		want map[string]string
	}{
		"generated": {
			plan.Seed{Hostname: "web", User: "ops", Keys: []string{"ssh-ed25519 AAAA me"}},
			map[string]string{
				"meta-data": "instance-id: an-id\nlocal-hostname: web\n",
				"user-data": generated, "vendor-data": "#cloud-config\n{}\n",
			},
		},
		"the user's own": {
			plan.Seed{
				Hostname: "web", User: "ops", Keys: []string{"ssh-ed25519 AAAA me"},
				UserData: []byte("#!/bin/sh\n" + strings.Repeat("true\n", 2000)), NetworkConfig: []byte("version: 2\n"),
			},
			map[string]string{
				"meta-data": "instance-id: an-id\nlocal-hostname: web\n", "vendor-data": generated,
				"user-data": "#!/bin/sh\n" + strings.Repeat("true\n", 2000), "network-config": "version: 2\n",
			},
		},
		"the image's user": {
			plan.Seed{Hostname: "web", Keys: []string{"ssh-ed25519 AAAA me"}},
			map[string]string{
				"meta-data":   "instance-id: an-id\nlocal-hostname: web\n",
				"user-data":   "#cloud-config\nhostname: web\nssh_authorized_keys:\n    - ssh-ed25519 AAAA me\n",
				"vendor-data": "#cloud-config\n{}\n",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, contents(t, render(t, c.seed))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheLabelIsTheOneCloudInitLooksFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.iso")
	if err := os.WriteFile(path, render(t, plan.Seed{Hostname: "web"}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("blkid", "-p", "-o", "value", "-s", "LABEL", path).Output()
	if err != nil || strings.TrimSpace(string(out)) != "cidata" {
		t.Errorf("label %q, %v", out, err)
	}
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	seed := plan.Seed{Hostname: "web", Keys: []string{"a"}}
	if !bytes.Equal(render(t, seed), render(t, seed)) {
		t.Error("two images of one seed differ")
	}
}

func TestASeedTakesNoMoreSectorsThanItNeeds(t *testing.T) {
	for size, sectors := range map[int]int{1: 1, 2047: 1, 2048: 1, 2049: 2} {
		seed := plan.Seed{Hostname: "web", UserData: bytes.Repeat([]byte("x"), size)}
		image := render(t, seed)
		const rest = filesAt + 2 // with meta-data and vendor-data
		if len(image) != (rest+sectors)*sector || contents(t, image)["user-data"] != string(seed.UserData) {
			t.Errorf("%d bytes of user-data: an image of %d bytes", size, len(image))
		}
	}
}

func TestASeedHasALimit(t *testing.T) {
	meta := len("instance-id: an-id\nlocal-hostname: web\n") + len("#cloud-config\nhostname: web\n")
	seed := plan.Seed{Hostname: "web", UserData: make([]byte, maxContent-meta)}
	render(t, seed)
	seed.NetworkConfig = []byte("x")
	if _, err := Render(seed, "an-id"); err == nil || !strings.Contains(err.Error(), "8388609 bytes") {
		t.Errorf("%v", err)
	}
}

func TestASeedWithoutInstanceIDIsRefused(t *testing.T) {
	if _, err := Render(plan.Seed{Hostname: "web"}, ""); err == nil {
		t.Error("a seed that cloud-init ignores was made")
	}
}

// Whatever a value is, YAML gives back the very same string: nothing becomes
// configuration, and no hostname a number.
func TestValuesStayStrings(t *testing.T) {
	for _, evil := range []string{
		"x\nruncmd: [reboot]\n#", "- a: b", "!!binary x", "*alias", "{}", "'\"", "x: |\n  y", "\u2028", "---", "#",
		"0123", "1e3", "0x10", "1_000", "yes", "off", "null", "~", "2001-01-01", "12:30", " x ", "", "\t",
	} {
		seed := plan.Seed{Hostname: evil, User: "ops", Keys: []string{evil, evil}}
		files := contents(t, render(t, seed))
		var meta, user map[string]any
		if err := errors.Join(yaml.Unmarshal([]byte(files["meta-data"]), &meta), yaml.Unmarshal([]byte(files["user-data"]), &user)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"instance-id": "an-id", "local-hostname": evil}, meta); diff != "" {
			t.Error(diff)
		}
		want := map[string]any{"hostname": evil, "users": []any{map[string]any{
			"name": "ops", "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "lock_passwd": true,
			"ssh_authorized_keys": []any{evil, evil},
		}}}
		if diff := cmp.Diff(want, user); diff != "" {
			t.Error(diff)
		}
	}
}
