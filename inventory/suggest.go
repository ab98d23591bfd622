package inventory

import (
	"fmt"
	"iter"
	"math"
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

// maxHints is how many suggestions are looked for: they take time, and where
// more names are wrong than that, it is not for misspelling.
const maxHints = 100

// didYouMean is " (did you mean …?)" for the nearest of the known names, or "".
func (l *loader) didYouMean(name string, known iter.Seq[string]) string {
	if l.hints++; l.hints > maxHints {
		return ""
	}
	best, distance := "", 3+len(name)/6
	for candidate := range known {
		if d := differences(strings.ToLower(name), candidate); d < distance || d == distance && candidate < best {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// differences is small for what may have been meant.
func differences(name, candidate string) int {
	switch d := editDistance(name, candidate); {
	case otherNames[name] == candidate:
		return 0
	case len(name) > 2 && strings.HasPrefix(candidate, name):
		return min(d, 2)
	case d >= len(candidate):
		return math.MaxInt
	default:
		return d
	}
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
