package mmdebstrap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/tool"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shell is a command that runs shell text, which sees the folder as $1.
func shell(text, folder string, files ...*os.File) command {
	return command{path: "/bin/sh", args: []string{"-c", text, "sh", folder}, files: files}
}

func TestErrorsKeepTheEndOfTheOutputInOneLine(t *testing.T) {
	err := Tool{}.run(t.Context(), shell(`head -c 100000 /dev/zero | tr '\0' x; printf 'a\033[31m b\n c\n' >&2; exit 7`, ""))
	var failed *Error
	if !errors.As(err, &failed) || failed.Program != "sh" || len(failed.Output) != 4096 {
		t.Fatalf("%.100v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "sh: exit status 7: … xxx") || len(text) > 1100 || !strings.HasSuffix(text, "xa b c") {
		t.Errorf("%.100s…%s", text, text[len(text)-20:])
	}
}

func TestSilentFailuresAreReported(t *testing.T) {
	if err := (Tool{}).run(t.Context(), shell("exit 1", "")); err == nil || err.Error() != "sh: exit status 1" {
		t.Errorf("%v", err)
	}
}

func TestCommandsGetTheirInputFilesAndACleanEnvironment(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD_TEST", "LC_ALL", "http_proxy"} {
		t.Setenv(name, "/poison")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	must(t, err)
	defer file.Close()
	var printed bytes.Buffer
	c := shell(`cat; env; cd /; pwd; echo written > `+tool.Inherited(0), "", file)
	c.input, c.env, c.output = "input\n", []string{"MORE=1"}, &printed
	must(t, Tool{Inherit: []*os.File{os.Stderr}}.run(t.Context(), c))
	content, err := os.ReadFile(file.Name())
	must(t, err)
	text := printed.String()
	if strings.Contains(text, "poison") || !strings.Contains(text, "LC_ALL=C\n") || !strings.Contains(text, "MORE=1\n") || !strings.HasPrefix(text, "input\n") || string(content) != "written\n" {
		t.Errorf("%q, %q", text, content)
	}
}

func TestACommandDoesNotSeeTheFilesThatItsFirstProcessKeeps(t *testing.T) {
	tool := Tool{Inherit: []*os.File{os.Stderr, os.Stderr}}
	for text, code := range map[string]string{"(: >&3) && exit 3; (: >&4) && exit 4; exit 7": "7", "kill -TERM $$": "143"} {
		err := tool.run(t.Context(), tool.unseen(shell(text, "")))
		if err == nil || !strings.HasPrefix(err.Error(), "sh: exit status "+code) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := tool.run(t.Context(), shell(": >&3 && : >&4", "")); err != nil {
		t.Errorf("seen: %v", err)
	}
}

func TestACancelledCommandIsNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Tool{}).run(ctx, shell("exit 1", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// nest makes a mount and starts a process in a session of its own, which both
// wait for a word. What lived on would hold the pipe open.
const nest = `mount -t tmpfs none "$1" && touch "$1/inside" || exit
setsid sh -c 'echo child >&3; read word < "$0"' "$1.gate" & read word < "$1.gate"`

// nested gives a folder for nest, and what hears of its child.
func nested(t *testing.T) (folder string, lines *bufio.Reader, w *os.File) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "mount")
	must(t, os.Mkdir(folder, 0o700))
	must(t, unix.Mkfifo(folder+".gate", 0o600))
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return folder, bufio.NewReader(r), w
}

// nothingIsLeft waits for the end of all that has the pipe.
func nothingIsLeft(t *testing.T, folder string, lines *bufio.Reader) {
	t.Helper()
	rest, err := io.ReadAll(lines)
	must(t, err)
	entries, err := os.ReadDir(folder)
	must(t, err)
	if len(rest) > 0 || len(entries) > 0 {
		t.Errorf("%q, %v", rest, entries)
	}
	must(t, os.Remove(folder))
}

func TestACancelledCommandLeavesNoProcessAndNoMount(t *testing.T) {
	folder, lines, w := nested(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- Tool{}.run(ctx, shell(nest, folder, w)) }()
	if line, err := lines.ReadString('\n'); line != "child\n" {
		t.Errorf("%q, %v", line, err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	must(t, w.Close())
	nothingIsLeft(t, folder, lines)
}

func TestAProcessThatDiesLeavesNoProcessAndNoMount(t *testing.T) {
	folder, lines, w := nested(t)
	self := exec.Command("/proc/self/exe", "-test.run=^TestHelper$")
	self.Env, self.ExtraFiles = []string{"NEST=" + folder}, []*os.File{w}
	must(t, self.Start())
	must(t, w.Close())
	if line, err := lines.ReadString('\n'); line != "child\n" {
		t.Errorf("%q, %v", line, err)
	}
	must(t, self.Process.Kill())
	_ = self.Wait() // it says that it was killed
	nothingIsLeft(t, folder, lines)
}

// TestHelper is the process that dies, and nothing in a run of the tests.
func TestHelper(t *testing.T) {
	if folder := os.Getenv("NEST"); folder != "" {
		t.Error(Tool{}.run(t.Context(), shell(nest, folder, os.NewFile(3, "pipe"))))
	}
}
