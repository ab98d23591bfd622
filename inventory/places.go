package inventory

import (
	"fmt"
	"reflect"

	"gopkg.in/yaml.v3"
)

// maxLost is above maxFaults, since what is wrong with defaults is wrong with
// every spawn, and becomes one when it is located.
const maxLost = 10 * maxFaults

// complain adds a fault at the place of a key path, or at that of the nearest
// one around it that stands in the file. What could not be read gets no other.
func (l *loader) complain(path, format string, args ...any) {
	for around := path; around != ""; around = outer(around) {
		if l.unread[around] {
			return
		}
	}
	if len(l.lost) < maxLost {
		l.lost = append(l.lost, Fault{Path: path, Problem: fmt.Sprintf(format, args...)})
	}
}

// places finds where key paths stand. It goes through the tree again, and only
// where they are: to keep every place while decoding would need far more memory
// than the inventory itself.
type places struct {
	*loader
	wanted map[string]bool // the paths and all around them
	found  map[string]Position
}

// located gives faults their places.
func (l *loader) located(list []Fault) []Fault {
	p := places{l, map[string]bool{}, map[string]Position{}}
	for _, fault := range list {
		for path := fault.Path; path != "" && !p.wanted[path]; path = outer(path) {
			p.wanted[path] = true
		}
	}
	l.work = 0 // it sufficed for all of the tree
	p.walk(l.root, reflect.TypeFor[Inventory](), "")
	for i := range list {
		list[i].At = p.nearest(list[i].Path)
	}
	return list
}

func (p *places) nearest(path string) Position {
	for ; path != ""; path = outer(path) {
		if at, ok := p.found[path]; ok {
			return at
		}
	}
	return p.at(1, 1)
}

func (p *places) walk(node *yaml.Node, t reflect.Type, path string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case node.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range node.Content {
			p.visit(resolve(item), resolve(item), t.Elem(), index(path, i))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for _, e := range p.entries(node, path) {
			p.visit(e.key, e.value, t.Elem(), join(path, e.key.Value))
		}
	case node.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		p.walkFields(node, t, path)
	}
}

func (p *places) walkFields(node *yaml.Node, t reflect.Type, path string) {
	fields := fieldsOf(t)
	for _, e := range p.entries(node, path) {
		if i, ok := fields[e.key.Value]; ok {
			p.visit(e.value, e.value, t.Field(i).Type, join(path, e.key.Value))
		}
	}
}

func (p *places) visit(place, node *yaml.Node, t reflect.Type, path string) {
	if p.wanted[path] {
		p.found[path] = p.of(place)
		p.walk(node, t, path)
	}
}
