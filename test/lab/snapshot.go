package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Snapshot describes a world: a name for each thing in it, and lines that
// change when the thing does. The names are
//
//	domain/NAME/state, domain/NAME/live, domain/NAME/inactive
//	network/NAME, pool/NAME, volume/POOL/NAME
//	file/PATH below the pool's folder
//	process/qemu NAME, process/COMMAND for a tool at work on the pool
//	temporary/PATH
type Snapshot map[string]string

// Only returns the part of the snapshot whose names keep wants.
func (s Snapshot) Only(keep func(name string) bool) Snapshot {
	part := Snapshot{}
	for name, description := range s {
		if keep(name) {
			part[name] = description
		}
	}
	return part
}

// Diff says for people what is different in other, the later snapshot: "-" for
// what is gone, "+" for what is new, "~" for what has changed. It is empty when
// nothing is different.
func (s Snapshot) Diff(other Snapshot) string {
	all := maps.Clone(s)
	maps.Copy(all, other)
	var diff strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		before, was := s[name]
		after, is := other[name]
		switch {
		case !is:
			fmt.Fprintf(&diff, "- %s\n", name)
		case !was:
			fmt.Fprintf(&diff, "+ %s\n", name)
		case before != after:
			fmt.Fprintf(&diff, "~ %s\n%s", name, lineDiff(before, after))
		}
	}
	return diff.String()
}

// lineDiff shows the lines that only one side has, in their order.
func lineDiff(before, after string) string {
	old, new := strings.Split(before, "\n"), strings.Split(after, "\n")
	lines := append(prefixed("    - ", old, new), prefixed("    + ", new, old)...)
	if len(lines) == 0 {
		return "    the same lines in another order or number\n"
	}
	return strings.Join(lines, "\n") + "\n"
}

func prefixed(prefix string, lines, without []string) []string {
	var kept []string
	for _, line := range lines {
		if !slices.Contains(without, line) {
			kept = append(kept, prefix+line)
		}
	}
	return kept
}
