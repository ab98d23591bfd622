// Package nocloud makes NoCloud seeds: small ISO 9660 images with the label
// cidata from which cloud-init gives a guest its identity.
//
// The image is made in memory by our own writer: secrets touch no temporary
// folder, and the same seed gives the same bytes.
package nocloud

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"

	"pcloud-apply/plan"
)

// user is an entry of cloud-config's users.
type user struct {
	Name       string   `yaml:"name"`
	Sudo       string   `yaml:"sudo"`
	Shell      string   `yaml:"shell"`
	LockPasswd bool     `yaml:"lock_passwd"`
	Keys       []string `yaml:"ssh_authorized_keys,omitempty"`
}

// config is the cloud-config that we generate.
type config struct {
	Hostname string   `yaml:"hostname"`
	Users    []user   `yaml:"users,omitempty"`
	Keys     []string `yaml:"ssh_authorized_keys,omitempty"`
}

// metaData identifies the instance; a new instance-id makes cloud-init run anew.
type metaData struct {
	InstanceID string `yaml:"instance-id"`
	Hostname   string `yaml:"local-hostname"`
}

// maxContent is how many bytes the files of a seed may have together. Guests
// keep user-data in memory and on their disk.
const maxContent = 8 << 20

// Render gives the image. With the user's own user-data, what we generate
// becomes vendor-data, which cloud-init merges below it. An instance-id is
// needed; without one cloud-init takes the seed for no seed.
func Render(seed plan.Seed, instanceID string) ([]byte, error) {
	files, err := contentOf(seed, instanceID)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, f := range files {
		total += len(f.content)
	}
	if total > maxContent {
		return nil, fmt.Errorf("the files of the seed have %d bytes; %d are allowed", total, maxContent)
	}
	return writeISO("cidata", files), nil
}

func contentOf(seed plan.Seed, instanceID string) ([]file, error) {
	if instanceID == "" {
		return nil, errors.New("a seed needs an instance-id")
	}
	meta, err := yaml.Marshal(metaData{instanceID, seed.Hostname})
	if err != nil {
		return nil, fmt.Errorf("write meta-data: %w", err)
	}
	generated, err := generate(seed)
	if err != nil {
		return nil, err
	}
	files := []file{{"meta-data", meta}, {"user-data", generated}, {"vendor-data", []byte("#cloud-config\n{}\n")}}
	if len(seed.UserData) > 0 {
		files[1].content, files[2].content = seed.UserData, generated
	}
	if len(seed.NetworkConfig) > 0 {
		files = append(files, file{"network-config", seed.NetworkConfig})
	}
	return files, nil
}

// generate writes what the inventory says of a spawn. Keys go to the user that
// it names, else to the image's own. There is no password in it, and what the
// image says of logins with passwords stays.
func generate(seed plan.Seed) ([]byte, error) {
	c := config{Hostname: seed.Hostname}
	if seed.User == "" {
		c.Keys = seed.Keys
	} else {
		c.Users = []user{{seed.User, "ALL=(ALL) NOPASSWD:ALL", "/bin/bash", true, seed.Keys}}
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write user-data: %w", err)
	}
	return append([]byte("#cloud-config\n"), text...), nil
}
