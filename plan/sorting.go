package plan

import (
	"cmp"
	"slices"
)

func sortSpawns(spawns []Spawn) {
	slices.SortFunc(spawns, compareSpawns)
}

func compareSpawns(a, b Spawn) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), compareNatural(a.Name, b.Name), cmp.Compare(a.UUID, b.UUID))
}

func sortImages(images []Generation) {
	slices.SortFunc(images, func(a, b Generation) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Name(), b.Name()))
	})
}

// inOrder is the state with its lists sorted, so that a plan does not depend on
// the order in which things were seen.
func inOrder(s State) State {
	s.Spawns, s.Images, s.Leftovers = slices.Clone(s.Spawns), slices.Clone(s.Images), slices.Clone(s.Leftovers)
	sortSpawns(s.Spawns)
	sortImages(s.Images)
	slices.SortFunc(s.Leftovers, func(a, b Leftover) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Name, b.Name))
	})
	return s
}

// usersOf are those who name the file, sorted.
func (r References) usersOf(path string) []User {
	return slices.SortedFunc(slices.Values(r.Users[path]), func(a, b User) int {
		return cmp.Compare(a.String(), b.String())
	})
}

// unknown is one thing that could not be read, "" when all was.
func (r References) unknown() string {
	if len(r.Unknown) == 0 {
		return ""
	}
	return slices.Min(r.Unknown)
}

// compareNatural orders web-2 before web-10.
func compareNatural(a, b string) int {
	return cmp.Or(cmp.Compare(stem(a), stem(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// stem is the name without the digits at its end.
func stem(name string) string {
	end := len(name)
	for end > 0 && name[end-1] >= '0' && name[end-1] <= '9' {
		end--
	}
	return name[:end]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
