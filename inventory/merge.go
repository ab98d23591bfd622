package inventory

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// resolve follows an alias. An alias never leads to another one.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

const (
	maxDepth = 20  // deeper than any inventory is: what goes beyond it contains itself
	maxKey   = 100 // letters
)

func (l *loader) tooDeep(node *yaml.Node, path string, depth int) bool {
	if depth > maxDepth {
		l.faults.add(l.of(node), path, "it is nested too deeply, or in itself")
	}
	return depth > maxDepth
}

// entries are the keys of a mapping, those that merge keys (<<) bring included:
// a key that stands here wins over a merged one.
func (l *loader) entries(node *yaml.Node, path string) []entry {
	return l.entriesOf(node, path, 0)
}

func (l *loader) entriesOf(node *yaml.Node, path string, depth int) []entry {
	if l.tooDeep(node, path, depth) || !l.spend(node, 1+len(node.Content)/2) {
		return nil
	}
	var merged []entry
	own := entrySet{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		e := entry{resolve(node.Content[i]), resolve(node.Content[i+1])}
		switch {
		case e.key.Kind != yaml.ScalarNode:
			l.faults.add(l.of(e.key), path, "a key is a word, not %s", kindOf(e.key))
		case e.key.Tag == "!!merge":
			merged = append(merged, l.merged(e.value, path, depth+1)...)
		case len(e.key.Value) > maxKey:
			l.faults.add(l.of(e.key), path, "the key %s is too long: %d letters", shorten(e.key.Value), len(e.key.Value))
		case !own.add(e):
			l.faults.add(l.of(e.key), join(path, e.key.Value), "it stands here for the second time; the first is in line %d", own.line(e))
		}
	}
	for _, e := range merged {
		own.add(e)
	}
	return own.list
}

// entrySet has each key once: the first.
type entrySet struct {
	list  []entry
	index map[string]int
}

func (s *entrySet) add(e entry) bool {
	if _, ok := s.index[e.key.Value]; ok {
		return false
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[e.key.Value] = len(s.list)
	s.list = append(s.list, e)
	return true
}

func (s *entrySet) line(e entry) int { return s.list[s.index[e.key.Value]].key.Line }

// merged are the keys that a merge key brings: of a mapping, or of a list of
// them, of which the first wins.
func (l *loader) merged(value *yaml.Node, path string, depth int) []entry {
	switch value.Kind {
	case yaml.MappingNode:
		return l.entriesOf(value, path, depth)
	case yaml.SequenceNode:
		return l.mergedList(value, path, depth)
	}
	l.faults.add(l.of(value), path, "<< wants a mapping, got %s", kindOf(value))
	return nil
}

func (l *loader) mergedList(list *yaml.Node, path string, depth int) []entry {
	if l.tooDeep(list, path, depth) || !l.spend(list, 1+len(list.Content)) {
		return nil
	}
	all := entrySet{}
	for _, item := range list.Content {
		for _, e := range l.merged(resolve(item), path, depth+1) {
			all.add(e)
		}
	}
	return all.list
}

func find(entries []entry, key string) *entry {
	for i := range entries {
		if entries[i].key.Value == key {
			return &entries[i]
		}
	}
	return nil
}

// underlay gives a mapping with what it lacks from defaults: mappings are
// merged key by key, lists and values stay as they are.
func (l *loader) underlay(node, defaults *yaml.Node, path string, depth int) *yaml.Node {
	if l.tooDeep(node, path, depth) {
		return node
	}
	all := entrySet{}
	for _, e := range l.entries(node, path) {
		all.add(e)
	}
	for _, d := range l.entries(defaults, path) {
		if all.add(d) || d.value.Kind != yaml.MappingNode {
			continue
		}
		if e := &all.list[all.index[d.key.Value]]; isMappingOrNull(e.value) {
			e.value = l.underlay(e.value, d.value, join(path, e.key.Value), depth+1)
		}
	}
	return mappingOf(node, all.list)
}

// mappingOf is a mapping of these keys that stands where a node does.
func mappingOf(place *yaml.Node, entries []entry) *yaml.Node {
	mapping := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: place.Line, Column: place.Column}
	mapping.Content = make([]*yaml.Node, 0, 2*len(entries))
	for _, e := range entries {
		mapping.Content = append(mapping.Content, e.key, e.value)
	}
	return mapping
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func isMappingOrNull(node *yaml.Node) bool { return node.Kind == yaml.MappingNode || isNull(node) }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// outer is the key path around a key path.
func outer(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
