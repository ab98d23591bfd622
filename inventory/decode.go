package inventory

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decode fills the inventory's types from the tree. It is driven by their yaml
// tags, so that every key, also a misspelt one, is known with its place.
func (l *loader) decode(root *yaml.Node) *Inventory {
	l.places, l.unread, l.read = map[string]Position{}, map[string]bool{}, map[string][]byte{}
	inv := &Inventory{Policy: Policy{MaxDestroy: 5}}
	l.withDefaults(root)
	l.mapping(root, reflect.ValueOf(inv).Elem(), "")
	return inv
}

// withDefaults puts what stands under defaults below each spawn.
func (l *loader) withDefaults(root *yaml.Node) {
	top := l.entries(root, "")
	defaults, spawns := find(top, "defaults"), find(top, "spawns")
	if defaults == nil || spawns == nil || defaults.value.Kind != yaml.MappingNode || spawns.value.Kind != yaml.MappingNode {
		return
	}
	merged := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: spawns.value.Line, Column: spawns.value.Column}
	for _, e := range l.entries(spawns.value, "spawns") {
		if isNull(e.value) {
			e.value = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: e.value.Line, Column: e.value.Column}
		}
		if e.value.Kind == yaml.MappingNode {
			e.value = l.underlay(e.value, defaults.value, join("spawns", e.key.Value), 0)
		}
		merged.Content = append(merged.Content, e.key, e.value)
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "spawns" {
			root.Content[i+1] = merged
		}
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// value decodes any node into a value of a fitting type.
func (l *loader) value(node *yaml.Node, into reflect.Value, path string) {
	node = resolve(node)
	if !l.visit(node) {
		return
	}
	if parse, ok := scalars[into.Type()]; ok {
		l.scalar(node, into, path, parse)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(into.Type().Elem())
		l.value(node, fresh.Elem(), path)
		into.Set(fresh)
	case reflect.Struct:
		l.mapping(node, into, path)
	case reflect.Map:
		l.named(node, into, path)
	case reflect.Slice:
		l.list(node, into, path)
	default:
		l.scalar(node, into, path, scalarKinds[into.Kind()])
	}
}

func (l *loader) wants(node *yaml.Node, path, what string) {
	l.reject(node, path, "wants %s, got %s", what, kindOf(node))
}

// reject leaves a value as it was before; what is to be said of it is said here.
func (l *loader) reject(node *yaml.Node, path, format string, args ...any) {
	l.unread[path] = true
	l.faults.add(l.at(node.Line, node.Column), path, format, args...)
}

// mapping decodes a mapping with known keys. Nothing counts as an empty one.
func (l *loader) mapping(node *yaml.Node, into reflect.Value, path string) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.wants(node, path, "a mapping")
		return
	}
	fields := fieldsOf(into.Type())
	for _, e := range l.entries(node, path) {
		key := e.key.Value
		if path == "" && strings.HasPrefix(key, "x-") {
			continue
		}
		at := join(path, key)
		index, ok := fields[key]
		if !ok {
			l.faults.add(l.at(e.key.Line, e.key.Column), at, "unknown key%s", didYouMean(key, sortedKeys(fields)))
			continue
		}
		l.places[at] = l.at(e.value.Line, e.value.Column)
		l.value(e.value, into.Field(index), at)
	}
}

func fieldsOf(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

// named decodes a mapping whose keys are names of the user's.
func (l *loader) named(node *yaml.Node, into reflect.Value, path string) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.wants(node, path, "a mapping of names")
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for _, e := range l.entries(node, path) {
		at := join(path, e.key.Value)
		position := l.at(e.key.Line, e.key.Column)
		l.places[at] = position
		if e.key.Kind != yaml.ScalarNode || e.key.Tag != "!!str" {
			l.faults.add(position, at, "a name that YAML takes for something else; write it in quotes")
			continue
		}
		item := reflect.New(into.Type().Elem()).Elem()
		preset(item)
		if field := item.FieldByName("At"); field.IsValid() {
			field.Set(reflect.ValueOf(position))
		}
		l.value(e.value, item, at)
		into.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
}

func (l *loader) list(node *yaml.Node, into reflect.Value, path string) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.SequenceNode {
		l.wants(node, path, "a list")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		l.places[at] = l.at(item.Line, item.Column)
		l.value(item, into.Index(i), at)
	}
}

// preset puts fixed defaults in place; what stands in the file replaces them.
func preset(item reflect.Value) {
	switch v := item.Addr().Interface().(type) {
	case *Host:
		*v = Host{Pool: "default", Network: "default", Accelerator: "auto"}
	case *Spawn:
		*v = Spawn{
			VCPUs: 1, Memory: 1 << 30, State: "running",
			Shutdown:      Shutdown{Timeout: time.Minute, Then: "force"},
			OnImageChange: "keep", OnCloudInitChange: "keep",
			Wait: Wait{Timeout: 5 * time.Minute},
		}
	}
}
