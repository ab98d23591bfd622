package pooldir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/plan"
)

func TestASourceThatIsNotAsDeclaredIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Generation)
		want   string
	}{
		"wrong sha256":   {func(g *plan.Generation) { g.Source.Content = "sha256:" + strings.Repeat("0", 64) }, "not the expected"},
		"wrong sha512":   {func(g *plan.Generation) { g.Source.Content = "sha512:" + strings.Repeat("0", 128) }, "not the expected"},
		"no checksum":    {func(g *plan.Generation) { g.Source.Content = "" }, "unknown checksum"},
		"odd checksum":   {func(g *plan.Generation) { g.Source.Content = "md5:0" }, "unknown checksum"},
		"missing":        {func(g *plan.Generation) { g.Source.Path += ".none" }, "no such file"},
		"a folder":       {func(g *plan.Generation) { g.Source.Path = filepath.Dir(g.Source.Path) }, "not a regular file"},
		"a device":       {func(g *plan.Generation) { g.Source.Path = "/dev/zero" }, "not a regular file"},
		"disk too small": {func(g *plan.Generation) { g.Disk = 512 }, "declared disk of 512B is smaller than the image's 1MiB"},
		"empty":          {func(g *plan.Generation) { must(t, os.Truncate(g.Source.Path, 0)) }, "it is empty"},
		"not a disk":     {func(g *plan.Generation) { must(t, os.WriteFile(g.Source.Path, []byte("<html>"), 0o600)) }, "no disk image"},
		"a pipe": {func(g *plan.Generation) {
			g.Source.Path += ".pipe"
			must(t, unix.Mkfifo(g.Source.Path, 0o600))
		}, "not a regular file"},
	} {
		f, g := folder(t), generation(t, hash12)
		c.change(&g)
		refused(t, name, f.Publish(t.Context(), g, Making{}, quiet), c.want)
		holds(t, f)
	}
}

// The backing file is a pipe, on which a tool that opened it would hang.
func TestAHostileSourceIsNeverOpenedByATool(t *testing.T) {
	dir := t.TempDir()
	pipe, path := filepath.Join(dir, "pipe"), filepath.Join(dir, "source")
	must(t, unix.Mkfifo(pipe, 0o600))
	run(t, "qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", pipe, path, "1M")
	refused(t, "backing file", folder(t).Publish(t.Context(), from(t, path, hash12), Making{}, quiet), "it has a backing file")
}

// What came from the web was compared with its checksum then.
func TestADownloadIsTakenAsItLies(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	g.Source.URL, g.Source.Content = "https://example.org/x.img.xz", "sha256:of the compressed file"
	publish(t, f, g)
	sound(t, f, g)
	text, err := os.ReadFile(f.path(g.Manifest()))
	if err != nil || !strings.Contains(string(text), `"source": "https://example.org/x.img.xz"`) {
		t.Errorf("%s, %v", text, err)
	}
	must(t, os.Truncate(g.Source.Path, 100))
	g.Hash = "bbbbbbbbbbbb"
	refused(t, "cut off", f.Publish(t.Context(), g, Making{}, quiet), "source image https://example.org/x.img.xz is refused")
}

func TestASourceMayBeASymbolicLink(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	link := g.Source.Path + ".link"
	must(t, os.Symlink(g.Source.Path, link))
	g.Source.Path = link
	publish(t, f, g)
	sound(t, f, g)
}

// What is written to the source after it was verified must not be published,
// even when its length and time are put back.
func TestASourceThatIsWrittenMeanwhileIsRefused(t *testing.T) {
	for name, change := range map[string]func(path string, before os.FileInfo){
		"bytes": func(path string, before os.FileInfo) {
			file, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = file.WriteAt([]byte("evil"), 4096)
			must(t, err)
			must(t, file.Close())
			must(t, os.Chtimes(path, before.ModTime(), before.ModTime()))
		},
		"length": func(path string, _ os.FileInfo) { must(t, os.Truncate(path, 2<<20)) },
	} {
		f, g := folder(t), generation(t, hash12)
		before, err := os.Stat(g.Source.Path)
		must(t, err)
		err = f.Publish(t.Context(), g, Making{}, func(step string) {
			if step == "convert" {
				change(g.Source.Path, before)
			}
		})
		refused(t, name, err, "was changed while it was read")
		holds(t, f)
	}
}

// A tool is given the file that was judged, whatever has its name by then.
func TestANameThatLeadsElsewhereMeanwhileIsNotFollowed(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	link, other := g.Source.Path+".link", g.Source.Path+".other"
	must(t, os.WriteFile(other, make([]byte, 8<<20), 0o600))
	must(t, os.Symlink(g.Source.Path, link))
	judged := g.Source.Path
	g.Source.Path = link
	must(t, f.Publish(t.Context(), g, Making{}, func(step string) {
		if step == "check source" {
			must(t, os.Remove(link))
			must(t, os.Symlink(other, link))
		}
	}))
	sound(t, f, g)
	run(t, "qemu-img", "compare", "-f", "raw", "-F", "qcow2", judged, f.path(g.File()))
}
