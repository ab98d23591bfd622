package nocloud

import (
	"bytes"
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
// Linux reads it too is seen by the guests of the end to end tests.
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

func TestValuesCannotBecomeConfiguration(t *testing.T) {
	evil := "x\nruncmd: [reboot]\n#"
	text, err := generate(plan.Seed{Hostname: evil, Keys: []string{evil, "- a: b"}})
	if err != nil {
		t.Fatal(err)
	}
	var parsed map[string]any
	if err := yaml.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"hostname": evil, "ssh_authorized_keys": []any{evil, "- a: b"}}
	if diff := cmp.Diff(want, parsed); diff != "" {
		t.Error(diff)
	}
}
