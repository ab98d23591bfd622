package inventory

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// beyondSchema are faults that no schema can see: in what is named, between
// values, and in numbers that are written with a unit.
var beyondSchema = regexp.MustCompile(strings.Join([]string{
	`there is no (image|host) "`, `cannot read`, `is too large; the most is`, `goes with (uefi|count)`, `at least vcpus`, `is less than memory`,
	`nothing to wait for`, `is no address`,
}, "|"))

// TestEachMutationIsSeenByBoth changes every key and value of the example that has
// all of them, one at a time, and compares the schema with the loader.
func TestEachMutationIsSeenByBoth(t *testing.T) {
	s, words, cases := compiled(t, ""), wordsNotSeen(), 0
	check := func(at string, text []byte) {
		cases++
		_, loaded := Load("../examples/every-field.yaml", text, disk{})
		seen := validate(s, text)
		if loaded == nil && seen != nil {
			t.Errorf("%s: the schema refuses what Load takes: %v", at, seen)
		}
		if loaded == nil {
			return
		}
		for fault := range strings.Lines(loaded.Error()) {
			if seen == nil && !beyondSchema.MatchString(fault) {
				t.Errorf("%s: the schema takes what Load refuses: %v", at, fault)
			}
			delete(words, wanted(fault))
		}
	}
	mutate(t, check)
	for list := range words {
		t.Errorf("the schema has the words %q; no fault that Load tells has them", list)
	}
	if cases < 1000 {
		t.Errorf("only %d cases", cases)
	}
}

// wordsNotSeen are the words of each key that has but a few.
func wordsNotSeen() map[string]bool {
	lists := map[string]bool{}
	for path, m := range meanings {
		if len(m.words) > 0 && path != "Install.distro" {
			lists[strings.Join(m.words, ", ")] = true
		}
	}
	return lists
}

// wanted are the words that a fault offers.
func wanted(fault string) string {
	_, rest, _ := strings.Cut(fault, ": wants ")
	words, _, _ := strings.Cut(rest, ", got ")
	return words
}

var mutants = []string{"bogus", "UPPER x/y", "0", "-1", "1.5", "true", "99999T", "~", "[a]", "{a: b}"}

// mutate calls check with each mutation of the example.
func mutate(t *testing.T, check func(at string, text []byte)) {
	t.Helper()
	text, err := os.ReadFile("../examples/every-field.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	encode := func(at string) {
		changed, err := yaml.Marshal(&document)
		if err != nil {
			t.Fatal(err)
		}
		check(at, changed)
	}
	encode("unchanged")
	mutateNode(document.Content[0], "", encode)
}

func mutateNode(node *yaml.Node, at string, encode func(at string)) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			if key := node.Content[i]; !strings.HasPrefix(key.Value, "x-") {
				mutateEntry(node, i, join(at, key.Value), encode)
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			mutateValue(item, index(at, i), encode)
		}
	}
}

// mutateEntry misspells a key and leaves it out, and mutates its value.
func mutateEntry(mapping *yaml.Node, i int, at string, encode func(at string)) {
	all, key := mapping.Content, mapping.Content[i]
	name := key.Value
	key.Value = name + "z"
	encode(at + "z")
	key.Value = name
	if all[i+1].Anchor == "" {
		mapping.Content = slices.Concat(all[:i], all[i+2:])
		encode("without " + at)
		mapping.Content = all
	}
	mutateValue(all[i+1], at, encode)
}

func mutateValue(node *yaml.Node, at string, encode func(at string)) {
	if node.Kind == yaml.AliasNode {
		return
	}
	before := *node
	for _, mutant := range mutants {
		var other yaml.Node
		if err := yaml.Unmarshal([]byte(mutant), &other); err != nil {
			panic(fmt.Sprintf("%s: %v", mutant, err))
		}
		*node = *other.Content[0]
		node.Anchor = before.Anchor
		encode(at + ": " + mutant)
	}
	*node = before
	mutateNode(node, at, encode)
}
