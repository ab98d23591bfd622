package plan

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// Bytes writes a size the way an inventory does. Sizes that are no round
// number of a unit are written in the largest unit that keeps them exact.
func Bytes(n int64) string {
	text := units.BytesSize(float64(n))
	if back, err := units.RAMInBytes(text); err == nil && back == n {
		return text
	}
	if n%1024 == 0 {
		return fmt.Sprintf("%dKiB", n/1024)
	}
	return fmt.Sprintf("%dB", n)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func names(spawns []Spawn) string {
	list := make([]string, len(spawns))
	for i, s := range spawns {
		list[i] = s.Name
	}
	return strings.Join(list, ", ")
}

// RoughBytes writes a size with three digits, for people.
func RoughBytes(n int64) string {
	return units.CustomSize("%.3g%s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
}
