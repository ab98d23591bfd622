package docs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const example = "# A page\n\n" +
	"```yaml cloud.yaml\nversion: 1\n```\n\nSome text.\n\n```yaml\nnot: a file\n```\n" +
	"```console\n$ pcloud-apply plan\nline one\n\n$ false\n$ echo $?\n1\n$ ls\n```\n"

func TestParse(t *testing.T) {
	got, err := parse(example)
	if err != nil {
		t.Fatal(err)
	}
	want := []step{
		{line: 3, file: "cloud.yaml", text: "version: 1\n"},
		{line: 13, command: "pcloud-apply plan", shown: []string{"line one", ""}},
		{line: 16, command: "false", code: 1},
		{line: 19, command: "ls"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(step{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"```console\n$ ls\n":                       "line 1: this block does not end",
		"\n```sh\nls\n```":                         "line 2: commands stand in blocks of the kind console",
		"```console\nout\n```":                     "line 2: output before any command",
		"```console\n$ echo $?\n1\n```":            "line 2: wants a command before it",
		"```console\n$ false\n$ echo $?\none\n```": "line 3: wants a command before it and an exit code",
	} {
		if _, err := parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMissing(t *testing.T) {
	const output = "NAME   STATE\nweb-1  running  192.168.1.7 (lease)\ndb     stopped\n"
	for shown, want := range map[string]string{
		"":                                   "",
		"NAME STATE\n\nweb-1  running  …":    "",
		"db  stopped\nNAME  STATE":           "",
		"db stopped\ndb  stopped":            "db  stopped",
		"web-1 running":                      "web-1 running",
		"web-1 running 192.168.….7 (lease)":  "",
		"web-1 running 192.168.….70 (lease)": "web-1 running 192.168.….70 (lease)",
	} {
		if got := missing(strings.Split(shown, "\n"), output); got != want {
			t.Errorf("%q: %q", shown, got)
		}
	}
}
