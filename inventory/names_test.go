package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamesIn(t *testing.T) {
	for text, want := range map[string]Names{
		"":                   {},
		"- a\n":              {},
		"spawns: [\n":        {},
		"name: x\n":          {},
		"spawns: {b: , a: }": {Spawns: []string{"a", "b"}},
		"defaults: {count: 2}\nspawns: {web: {cloud_init: {user_data: gone}}, db: {count: 1, vcpus: lots, nonsense: 1}}\nimages: {j: {source: {file: gone}}, i: }\n": {
			Images: []string{"i", "j"}, Spawns: []string{"db", "db-1", "web", "web-1", "web-2"},
		},
		"defaults: {count: 0}\nspawns: {web: }\n": {Spawns: []string{"web", "web-1"}},
	} {
		if diff := cmp.Diff(want, NamesIn([]byte(text))); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	if n := len(NamesIn([]byte("defaults: {count: 1000}\nspawns: {" + many(100) + "}\n")).Spawns); n != maxSpawns {
		t.Errorf("%d names", n)
	}
}
