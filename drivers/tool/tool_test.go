package tool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFindNamesThePackagesThatAreMissing(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"there": 0o755, "plain": 0o644} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, mode))
	}
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	programs := map[string]string{"there": "a", "plain": "c", "folder": "b", "gone": "c"}
	if _, err := find(programs, "do it", dir); err == nil || err.Error() != "tools that do it are not installed (apt-get install b c)" {
		t.Errorf("%v", err)
	}
	paths, err := find(map[string]string{"there": "a"}, "do it", t.TempDir(), dir)
	if err != nil || paths["there"] != filepath.Join(dir, "there") {
		t.Errorf("%v, %v", paths, err)
	}
}

func TestALineIsTheEndOfATextWithoutWhatATerminalObeys(t *testing.T) {
	for text, want := range map[string]string{
		"": "", " a\x1b[31m b\n\tc\x07\x1b(B\xff d\n": "a b c d",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q gives %q", text, got)
		}
	}
	long := OneLine(strings.Repeat("é", 2000) + "end")
	if len(long) > inError+len("… ") || !strings.HasPrefix(long, "… é") || !strings.HasSuffix(long, "éend") {
		t.Errorf("%q", long)
	}
	if got := WithOutput("what", " \n"); got != "what" {
		t.Errorf("%q", got)
	}
}

func TestATailKeepsTheEnd(t *testing.T) {
	var tail Tail
	for range 1000 {
		if n, err := tail.Write([]byte("0123456789")); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if text := tail.String(); len(text) != maxOutput || !strings.HasSuffix(text, "0123456789") {
		t.Errorf("%d: %.20s", len(text), text)
	}
}
