package inventory

import (
	"maps"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decode fills the inventory's types from the tree. It is driven by their yaml
// tags, so that every key, also a misspelt one, is known with its place.
func (l *loader) decode(root *yaml.Node) *Inventory {
	inv := &Inventory{Policy: Policy{MaxDestroy: 5}}
	l.root = l.withDefaults(root)
	l.mapping(l.root, reflect.ValueOf(inv).Elem(), "")
	return inv
}

// withDefaults is the root with what stands under defaults below each spawn.
func (l *loader) withDefaults(root *yaml.Node) *yaml.Node {
	top := l.entries(root, "")
	defaults, spawns := find(top, "defaults"), find(top, "spawns")
	if defaults != nil && spawns != nil && defaults.value.Kind == yaml.MappingNode && spawns.value.Kind == yaml.MappingNode {
		each := l.entries(spawns.value, "spawns")
		for i, e := range each {
			if isMappingOrNull(e.value) {
				each[i].value = l.underlay(e.value, defaults.value, join("spawns", e.key.Value), 0)
			}
		}
		spawns.value = mappingOf(spawns.value, each)
	}
	return mappingOf(root, top)
}

// value decodes any node into a value of a fitting type.
func (l *loader) value(node *yaml.Node, into reflect.Value, path string) {
	node = resolve(node)
	if !l.spend(node, 1+len(node.Value)/64) {
		return
	}
	if !strings.HasPrefix(node.Tag, "!!") {
		l.reject(node, path, "the tag %s has no meaning here", shorten(node.Tag))
		return
	}
	if parse, ok := scalars[into.Type()]; ok {
		l.scalar(node, into, path, parse)
		return
	}
	if into.Type() == reflect.TypeFor[Disk]() && node.Kind == yaml.ScalarNode && !isNull(node) {
		l.scalar(node, into.FieldByName("Size"), path, parseSize)
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(into.Type().Elem())
		preset(fresh.Elem())
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
	if len(l.unread) < maxLost {
		l.unread[path] = true
	}
	l.faults.add(l.of(node), path, format, args...)
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
			l.faults.add(l.of(e.key), at, "unknown key%s", l.didYouMean(key, maps.Keys(fields)))
			continue
		}
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
	entries := l.entries(node, path)
	if len(entries) > maxSpawns {
		l.reject(node, path, "has %d entries; the most is %d", len(entries), maxSpawns)
		return
	}
	for _, e := range entries {
		at := join(path, e.key.Value)
		if e.key.Tag != "!!str" {
			l.reject(e.key, at, "a name that YAML takes for something else; write it in quotes")
			continue
		}
		item := reflect.New(into.Type().Elem()).Elem()
		preset(item)
		if field := item.FieldByName("At"); field.IsValid() {
			field.Set(reflect.ValueOf(l.of(e.key)))
		}
		l.value(e.value, item, at)
		into.SetMapIndex(reflect.ValueOf(e.key.Value), item)
	}
}

func (l *loader) list(node *yaml.Node, into reflect.Value, path string) {
	if isNull(node) {
		into.Set(reflect.MakeSlice(into.Type(), 0, 0))
		return
	}
	if node.Kind != yaml.SequenceNode {
		l.wants(node, path, "a list")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		l.value(item, into.Index(i), index(path, i))
	}
}

// preset puts fixed defaults in place; what stands in the file replaces them.
func preset(item reflect.Value) {
	switch v := item.Addr().Interface().(type) {
	case *Host:
		*v = Host{Pool: "default", Network: "default", Accelerator: "auto"}
	case *Image:
		*v = Image{Canary: true}
	case *Install:
		*v = Install{VCPUs: 2, Timeout: time.Hour}
	case *Spawn:
		*v = Spawn{
			VCPUs: 1, Memory: 1 << 30, Disk: presetDisk, State: "running",
			Shutdown: Shutdown{Timeout: time.Minute, Then: "force"}, Restart: "never", Graphics: "none",
			OnImageChange: "keep", OnCloudInitChange: "keep",
			Wait: Wait{Timeout: 5 * time.Minute},
		}
	case *Disk:
		*v = presetDisk
	}
}

var presetDisk = Disk{Cache: "default", Discard: "unmap"}
