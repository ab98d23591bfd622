package inventory

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/go-units"
	"github.com/invopop/jsonschema"
	"gopkg.in/yaml.v3"
)

// The JSON schema is a golden file of this test: made from the types and the
// table in schema_meanings_test.go, with the patterns and limits of the checks.

const (
	schemaFile = "../docs/cloud.schema.json"
	writeIt    = "write it again: go test ./inventory -run TestTheSchemaIsFresh -update"
)

var update = flag.Bool("update", false, "write docs/cloud.schema.json")

func TestTheSchemaIsFresh(t *testing.T) {
	want, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/cloud.schema.json is stale (%v); %s", err, writeIt)
	}
}

// schema describes an inventory, version 1.
func schema() *jsonschema.Schema {
	reflector := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true, FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, Mapper: scalarSchema,
	}
	root := reflector.Reflect(Inventory{})
	root.Title = "Inventory of pcloud-apply"
	root.PatternProperties = map[string]*jsonschema.Schema{"^x-": jsonschema.TrueSchema}
	presets := presets()
	refine(root, "Inventory", presets)
	for name, definition := range root.Definitions {
		refine(definition, name, presets)
	}
	root.Definitions["Name"] = &jsonschema.Schema{
		Type: "string", Pattern: namePattern.String(), Not: &jsonschema.Schema{Pattern: "^(original|seed|golden|golden-.*)$"},
	}
	return root
}

// scalarSchema is what the parsers in scalars.go take; nil for other types.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[Size]():
		return &jsonschema.Schema{Type: "string", Pattern: sizePattern.String()}
	case reflect.TypeFor[Memory]():
		s := &jsonschema.Schema{Pattern: sizePattern.String(), Minimum: number(minMemory >> 20), Maximum: number(maxMemory >> 20)}
		return ofTypes(s, "string", "integer")
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`}
	case reflect.TypeFor[File]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[^\x00-\x1f\x7f-\x9f]+$`}
	case reflect.TypeFor[string]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[^\x00-\x1f\x7f-\x9f]*$`}
	}
	return nil
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// ofTypes lets a value be of several types; the library's field holds but one.
func ofTypes(s *jsonschema.Schema, types ...string) *jsonschema.Schema {
	s.Type, s.Extras = "", map[string]any{"type": types}
	return s
}

// refine adds what the types do not tell to the schema of one of them.
func refine(s *jsonschema.Schema, name string, presets map[string]any) {
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		path := name + "." + p.Key
		m := meanings[path]
		m.describe(p.Value, presets[path])
		if m.required {
			s.Required = append(s.Required, p.Key)
		}
	}
	s.Description = meanings[name].says
	if rule := rules[name]; rule != nil {
		rule(s)
	}
	types := []string{"object"}
	if short := meanings[name].short; short != nil {
		s.Pattern = scalarSchema(short).Pattern
		types = append(types, "string")
	}
	if s.Required == nil && s.OneOf == nil { // nothing counts as an empty mapping
		types = append(types, "null")
	}
	if len(types) > 1 {
		ofTypes(s, types...)
	}
}

// describe adds to a key's schema what the table says of it.
func (m meaning) describe(s *jsonschema.Schema, preset any) {
	if s.Type == "boolean" && preset == nil && m.absent == "" {
		preset = false
	}
	s.Default, s.Description = preset, m.hover(preset)
	if m.example != "" {
		s.Examples = []any{parsed(m.example)}
	}
	switch {
	case s.Items != nil:
		m.constrain(s.Items)
		s.MaxItems, s.UniqueItems = m.most64(), m.unique
		ofTypes(s, "array", "null")
	case s.Type == "object":
		s.PropertyNames = &jsonschema.Schema{Ref: "#/$defs/Name"}
		s.MaxProperties = m.most64()
		ofTypes(s, "object", "null")
	default:
		m.constrain(s)
		s.Minimum, s.Maximum = m.bound(s.Minimum, m.least), m.bound(s.Maximum, m.most)
	}
}

// constrain narrows a single value.
func (m meaning) constrain(s *jsonschema.Schema) {
	if m.pattern != nil {
		s.Pattern = m.pattern.String()
	}
	if m.name {
		*s = jsonschema.Schema{Ref: "#/$defs/Name", Description: s.Description, Examples: s.Examples}
	}
	for _, word := range m.words {
		s.Pattern, s.Enum = "", append(s.Enum, word)
	}
}

// hover is what an editor shows: what the key means, and what holds without it.
func (m meaning) hover(preset any) string {
	switch {
	case preset != nil:
		text, _ := json.Marshal(preset) // it is a number, a text or a bool
		return m.says + "\n\nDefault: " + strings.Trim(string(text), `"`)
	case m.absent != "":
		return m.says + "\n\nDefault: " + m.absent
	}
	return m.says
}

func (m meaning) bound(standing json.Number, limit *int) json.Number {
	if limit == nil {
		return standing
	}
	return number(*limit)
}

func (m meaning) most64() *uint64 {
	if m.most == nil {
		return nil
	}
	most := uint64(*m.most)
	return &most
}

func parsed(text string) any {
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	return value
}

// presets are the fixed defaults by type and key, such as Spawn.memory.
func presets() map[string]any {
	found := map[string]any{}
	empty := &loader{unread: map[string]bool{}}
	collectPresets(reflect.ValueOf(empty.decode(&yaml.Node{Kind: yaml.MappingNode})).Elem(), found)
	for _, t := range describedTypes() {
		item := reflect.New(t).Elem()
		preset(item)
		collectPresets(item, found)
	}
	return found
}

func collectPresets(v reflect.Value, found map[string]any) {
	for name, i := range fieldsOf(v.Type()) {
		switch field := v.Field(i); {
		case field.IsZero():
		case field.Kind() == reflect.Struct:
			collectPresets(field, found)
		default:
			found[v.Type().Name()+"."+name] = written(field.Interface())
		}
	}
}

// written is a default as it would stand in an inventory.
func written(value any) any {
	switch v := value.(type) {
	case Memory:
		return units.BytesSize(float64(v))
	case Size:
		return units.BytesSize(float64(v))
	case time.Duration:
		return regexp.MustCompile(`([hm])(0m)?0s$`).ReplaceAllString(v.String(), "$1")
	}
	return value
}

// describedTypes are the types of all mappings with known keys.
func describedTypes() map[string]reflect.Type {
	found := map[string]reflect.Type{}
	collectTypes(reflect.TypeFor[Inventory](), found)
	return found
}

func collectTypes(t reflect.Type, found map[string]reflect.Type) {
	switch {
	case scalars[t] != nil:
	case t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		collectTypes(t.Elem(), found)
	case t.Kind() == reflect.Struct:
		found[t.Name()] = t
		for _, i := range fieldsOf(t) {
			collectTypes(t.Field(i).Type, found)
		}
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	presets, undescribed := presets(), maps.Clone(meanings)
	for name, described := range describedTypes() {
		delete(undescribed, name)
		for field, i := range fieldsOf(described) {
			path := name + "." + field
			m, ok := meanings[path]
			delete(undescribed, path)
			if problem := m.problem(described.Field(i).Type, presets[path] != nil, ok); problem != "" {
				t.Errorf("%s %s: add it to the table in schema_meanings_test.go", path, problem)
			}
		}
	}
	for path := range undescribed {
		t.Errorf("schema_meanings_test.go describes %s, which is no key any more", path)
	}
}

// problem says what a newcomer would miss in what the schema says of a key.
func (m meaning) problem(t reflect.Type, preset, described bool) string {
	list := t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String
	scalar := list || scalars[t] != nil || scalarKinds[t.Kind()] != nil
	switch {
	case !described || m.says == "":
		return "has no description"
	case !preset && m.absent == "" && !m.required && t.Kind() != reflect.Bool:
		return "does not say what holds without it"
	case scalar && t.Kind() != reflect.Bool && len(m.words) == 0 && m.example == "":
		return "has no example"
	}
	return ""
}

func TestDescriptionsAreText(t *testing.T) {
	for _, path := range slices.Sorted(maps.Keys(meanings)) {
		if says := meanings[path].says; !strings.HasSuffix(says, ".") || strings.ToUpper(says[:1]) != says[:1] {
			t.Errorf("%s: %q is no sentence", path, says)
		}
	}
}
