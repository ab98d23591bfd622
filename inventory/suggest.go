package inventory

import (
	"fmt"
	"slices"
	"strings"
)

// otherNames are what other tools call our keys.
var otherNames = map[string]string{
	"cpu": "vcpus", "cpus": "vcpus", "cores": "vcpus", "numcpus": "vcpus", "vcpu": "vcpus",
	"mem": "memory", "ram": "memory", "nets": "networks", "nics": "networks", "network_interfaces": "networks",
	"keys": "ssh_authorized_keys", "ssh_keys": "ssh_authorized_keys", "replicas": "count",
	"base_image": "image", "distro": "image", "cloudinit": "cloud_init", "protection": "protect",
	"prevent_destroy": "protect", "vms": "spawns", "domains": "spawns", "running": "state",
}

// didYouMean is " (did you mean …?)" for the nearest of the known names, or "".
func didYouMean(name string, known []string) string {
	if other := otherNames[name]; slices.Contains(known, other) {
		return fmt.Sprintf(" (did you mean %q?)", other)
	}
	best, distance := "", 3+len(name)/6
	for _, candidate := range known {
		if d := editDistance(strings.ToLower(name), candidate); d < distance && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance counts the letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment). Long names are never near.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func differ(x, y byte) int {
	if x == y {
		return 0
	}
	return 1
}
