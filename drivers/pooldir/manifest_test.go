package pooldir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAManifestSaysWhatTheImageIs(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	text, err := os.ReadFile(f.path(g.Manifest()))
	must(t, err)
	var m map[string]any
	must(t, json.Unmarshal(text, &m))
	sum, err := digest(f.path(g.File()))
	must(t, err)
	info, err := os.Stat(f.path(g.File()))
	must(t, err)
	for field, want := range map[string]any{
		"format": 1.0, "inventory": "lab", "origin": "here", "image": "tiny", "hash": hash12, "sha256": sum, "tool": "v1",
		"size": float64(info.Size()), "mtime": info.ModTime().UTC().Format("2006-01-02T15:04:05.999999999Z07:00"),
		"virtual_size": float64(1 << 20), "source": g.Source.Path, "source_content": g.Source.Content,
	} {
		if m[field] != want {
			t.Errorf("%s is %v, want %v", field, m[field], want)
		}
	}
	if len(m) != 13 || m["created"] == "" {
		t.Errorf("%s", text)
	}
}

// edited publishes an image and changes its manifest.
func edited(t *testing.T, change func(m map[string]any)) (*Folder, string) {
	t.Helper()
	f, g := folder(t), generation(t, hash12)
	publish(t, f, g)
	path := f.path(g.Manifest())
	text, err := os.ReadFile(path)
	must(t, err)
	var m map[string]any
	must(t, json.Unmarshal(text, &m))
	change(m)
	text, err = json.Marshal(m)
	must(t, err)
	must(t, os.WriteFile(path, text, 0o444))
	return f, path
}

func TestAManifestThatIsNotOfUseIsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(m map[string]any)
		want      string
		removable bool
	}{
		"of tomorrow": {func(m map[string]any) { m["format"], m["size"] = 2, "1 GiB" }, "format 2; another version", false},
		"no format":   {func(m map[string]any) { delete(m, "format") }, "format 0; another version", false},
		"no sha256":   {func(m map[string]any) { delete(m, "sha256") }, "not valid", true},
		"odd sha256":  {func(m map[string]any) { m["sha256"] = "x" }, "not valid", true},
		"no size":     {func(m map[string]any) { m["size"] = 0 }, "not valid", true},
		"no time":     {func(m map[string]any) { delete(m, "mtime") }, "not valid", true},
		"no disk":     {func(m map[string]any) { m["virtual_size"] = -1 }, "not valid", true},
		"wrong type":  {func(m map[string]any) { m["mtime"] = "yesterday" }, "not valid", true},
	} {
		f, _ := edited(t, c.change)
		g := generation(t, hash12)
		if got := found(t, f); !got.Complete || !strings.Contains(got.Damage, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
		_, err := f.Check(t.Context(), g)
		refused(t, name, err, c.want)
		refused(t, name, f.Mend(t.Context(), g, quiet), c.want)
		refused(t, name, f.Publish(t.Context(), g, Making{}, quiet), c.want)
		if err := f.Remove(t.Context(), g, quiet); (err == nil) != c.removable {
			t.Errorf("%s: removing it: %v", name, err)
		}
	}
}

// Without its image, a manifest of ours is what a killed run leaves; one of
// another version is still that version's.
func TestAManifestAloneIsAnUnfinishedImage(t *testing.T) {
	for format, ours := range map[int]bool{1: true, 2: false} {
		f, _ := edited(t, func(m map[string]any) { m["format"] = format })
		g := generation(t, hash12)
		must(t, os.Remove(unseal(t, f, g)))
		if got := found(t, f); got.Complete || got.Sealed || got.Damage != "" {
			t.Errorf("%+v", got)
		}
		if _, err := f.Check(t.Context(), g); err == nil {
			t.Error("an image that is not there is sound")
		}
		err := f.Publish(t.Context(), g, Making{}, quiet)
		if !ours {
			refused(t, "of another version", err, "format 2")
			continue
		}
		must(t, err)
		sound(t, f, g)
	}
}

func TestWhatIsNotOursIsNeitherSeenNorTouched(t *testing.T) {
	for name, make := range map[string]func(f *Folder, manifest string){
		"another inventory": func(f *Folder, _ string) {
			other := *f
			other.Inventory = "lab-2"
			publish(t, &other, generation(t, hash12))
		},
		"cut off": func(f *Folder, m string) {
			must(t, os.WriteFile(m, []byte(`{"format": 1, "inventory": "lab", `), 0o444))
		},
		"empty": func(f *Folder, m string) { must(t, os.WriteFile(m, nil, 0o444)) },
		"huge":  func(f *Folder, m string) { must(t, os.WriteFile(m, []byte(strings.Repeat(" ", 1<<20)), 0o444)) },
		"another image": func(f *Folder, m string) {
			must(t, os.WriteFile(m, []byte(`{"format":1,"inventory":"lab","image":"x","hash":"`+hash12+`"}`), 0o444))
		},
		"link": func(f *Folder, m string) { must(t, os.Symlink(canary(t), m)) },
		"link to ours": func(f *Folder, m string) {
			elsewhere := folder(t)
			publish(t, elsewhere, generation(t, hash12))
			must(t, os.Symlink(elsewhere.path(filepath.Base(m)), m))
		},
		"pipe":   func(f *Folder, m string) { must(t, unix.Mkfifo(m, 0o600)) },
		"folder": func(f *Folder, m string) { must(t, os.Mkdir(m, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			f, g := folder(t), generation(t, hash12)
			make(f, f.path(g.Manifest()))
			before := world(t, f)
			if c := contents(t, f); len(c.Images) != 0 || len(c.Leftovers) != 0 || c.Empty {
				t.Errorf("%+v", c)
			}
			refused(t, "publish", f.Publish(t.Context(), g, Making{}, quiet), "move it away")
			if f.Remove(t.Context(), g, quiet) == nil || f.Mend(t.Context(), g, quiet) == nil {
				t.Error("it was removed or mended")
			}
			if after := world(t, f); after != before {
				t.Errorf("before:\n%safter:\n%s", before, after)
			}
		})
	}
}

// A file with the name of an image, but no manifest, is nobody's.
func TestAnImageWithoutManifestIsNotOverwritten(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"file":   func(path string) error { return os.WriteFile(path, []byte("theirs"), 0o600) },
		"link":   func(path string) error { return os.Symlink(canary(t), path) },
		"broken": func(path string) error { return os.Symlink("/nonexistent", path) },
		"folder": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		f, g := folder(t), generation(t, hash12)
		must(t, make(f.path(g.File())))
		before := world(t, f)
		if c := contents(t, f); len(c.Images) != 0 {
			t.Errorf("%s: %+v", name, c.Images)
		}
		told := 0
		refused(t, name, f.Publish(t.Context(), g, Making{}, func(string) { told++ }), "move it away")
		must(t, f.Remove(t.Context(), g, quiet))
		if after := world(t, f); after != before || told != 0 {
			t.Errorf("%s: %d steps\n%s%s", name, told, before, after)
		}
	}
}
