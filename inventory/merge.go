package inventory

import "gopkg.in/yaml.v3"

// maxNodes bounds the work on one inventory. Ten thousand spawns with all
// their keys stay far below it.
const maxNodes = 1_000_000

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// resolve follows an alias. The YAML parser refuses aliases that contain themselves.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// visit counts a node and tells whether to go on.
func (l *loader) visit(node *yaml.Node) bool {
	if l.nodes++; l.nodes == maxNodes {
		l.faults.add(l.at(node.Line, node.Column), "", "its aliases make it too large")
	}
	return l.nodes < maxNodes
}

// maxDepth is deeper than any inventory is: what goes beyond it contains itself.
const maxDepth = 20

func (l *loader) tooDeep(node *yaml.Node, path string, depth int) bool {
	if depth > maxDepth {
		l.faults.add(l.at(node.Line, node.Column), path, "it is nested too deeply, or in itself")
	}
	return depth > maxDepth
}

// entries are the keys of a mapping, those that merge keys (<<) bring included:
// a key that stands here wins over a merged one.
func (l *loader) entries(node *yaml.Node, path string) []entry {
	return l.entriesOf(node, path, 0)
}

func (l *loader) entriesOf(node *yaml.Node, path string, depth int) []entry {
	var own, merged []entry
	if !l.visit(node) || l.tooDeep(node, path, depth) {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		e := entry{node.Content[i], resolve(node.Content[i+1])}
		if e.key.Tag == "!!merge" {
			merged = append(merged, l.merged(e.value, path, depth)...)
			continue
		}
		if first := find(own, e.key.Value); first != nil {
			l.faults.add(l.at(e.key.Line, e.key.Column), join(path, e.key.Value), "it stands here for the second time; the first is in line %d", first.key.Line)
			continue
		}
		own = append(own, e)
	}
	for _, e := range merged {
		if find(own, e.key.Value) == nil {
			own = append(own, e)
		}
	}
	return own
}

// merged are the keys that a merge key brings: of a mapping, or of a list of
// them, of which the first wins.
func (l *loader) merged(value *yaml.Node, path string, depth int) []entry {
	switch value.Kind {
	case yaml.MappingNode:
		return l.entriesOf(value, path, depth+1)
	case yaml.SequenceNode:
		var all []entry
		for _, item := range value.Content {
			all = append(all, l.merged(resolve(item), path, depth+1)...)
		}
		return all
	}
	l.faults.add(l.at(value.Line, value.Column), path, "<< wants a mapping, got %s", kindOf(value))
	return nil
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
	merged := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: node.Line, Column: node.Column}
	own := l.entries(node, path)
	under := l.entries(defaults, path)
	for _, e := range own {
		if d := find(under, e.key.Value); d != nil && e.value.Kind == yaml.MappingNode && d.value.Kind == yaml.MappingNode {
			e.value = l.underlay(e.value, d.value, join(path, e.key.Value), depth+1)
		}
		merged.Content = append(merged.Content, e.key, e.value)
	}
	for _, d := range under {
		if find(own, d.key.Value) == nil {
			merged.Content = append(merged.Content, d.key, d.value)
		}
	}
	return merged
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
