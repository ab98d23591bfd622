package inventory

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Names are the names that an inventory declares, each list sorted.
type Names struct {
	Images []string
	Spawns []string // single machines, groups, and the members of groups
}

// NamesIn gives the names in the text of an inventory, as fast as a completion
// on a command line needs them: none of the files that it names is read. Faults
// are passed over, so that where there are any, names can be missing.
func NamesIn(text []byte) Names {
	l := &loader{files: noFiles{}, unread: map[string]bool{}, read: map[string][]byte{}}
	root := l.parse(text)
	if root == nil {
		return Names{}
	}
	inv := l.decode(root)
	return Names{sortedKeys(inv.Images), spawnNames(inv.Spawns)}
}

// spawnNames ends early where there are more machines than an inventory may have.
func spawnNames(spawns map[string]Spawn) []string {
	names := slices.Collect(maps.Keys(spawns))
	for name, s := range spawns {
		for i := 1; s.Count != nil && i <= machines(s) && len(names) < maxSpawns; i++ {
			names = append(names, fmt.Sprintf("%s-%d", name, i))
		}
	}
	slices.Sort(names)
	return names
}

// noFiles are Files of which none is read.
type noFiles struct{}

var errNotRead = errors.New("not read")

func (noFiles) Digest(string) (string, error) { return "", errNotRead }
func (noFiles) Read(string) ([]byte, error)   { return nil, errNotRead }
