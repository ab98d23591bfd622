package virtinstall

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// unpacked gives what cpio makes of an archive in a new folder.
func unpacked(t *testing.T, packed []byte) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("cpio", "--extract", "--quiet")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(packed)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("cpio: %v: %s", err, out)
	}
	return dir
}

func TestAnswersAreASecretFileBehindTheInitrd(t *testing.T) {
	for size := range 5 { // each alignment
		i := &installation{work: t.TempDir()}
		i.config.Answers = Answers{"kickstart", []byte("s3cret\n" + secret[:size])}
		must(t, os.WriteFile(i.file("initrd"), []byte("initrd"), 0o600))
		must(t, i.answer())
		initrd, err := os.ReadFile(i.file("initrd"))
		must(t, err)
		rest, appended := bytes.CutPrefix(initrd, []byte("initrd"))
		packed, err := gzip.NewReader(bytes.NewReader(rest))
		must(t, err)
		content, err := io.ReadAll(packed)
		must(t, err)
		name := filepath.Join(unpacked(t, content), "ks.cfg")
		text, err := os.ReadFile(name)
		must(t, err)
		info, err := os.Stat(name)
		must(t, err)
		if !appended || string(text) != string(i.config.Answers.Content) || info.Mode() != 0o600 {
			t.Errorf("%v, %q, %v", appended, text, info.Mode())
		}
	}
}

func TestASeedHasTheAnswersVerbatim(t *testing.T) {
	i := &installation{work: t.TempDir()}
	i.config.UUID, i.config.Answers = someUUID, Answers{"autoinstall", []byte("#cloud-config\nautoinstall: {version: 1}\n")}
	must(t, i.answer())
	info, err := os.Stat(i.file("seed.iso"))
	must(t, err)
	userData := filepath.Join(t.TempDir(), "user-data")
	output(t, "xorriso", "-osirrox", "on", "-indev", i.file("seed.iso"), "-extract", "/user-data", userData)
	text, err := os.ReadFile(userData)
	must(t, err)
	if info.Mode() != 0o600 || string(text) != string(i.config.Answers.Content) {
		t.Errorf("%v, %q", info.Mode(), text)
	}
}

func TestWithoutAnswersNothingIsAdded(t *testing.T) {
	i := &installation{work: t.TempDir()}
	must(t, i.answer())
	if entries, err := os.ReadDir(i.work); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
