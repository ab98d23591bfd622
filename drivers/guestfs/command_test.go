package guestfs

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pcloud-apply/drivers/tool"
)

// fake is a tool that runs shell text, with an image and a folder to work in.
type fake struct {
	tool        Tool
	image, work string
}

func newFake(t *testing.T, text string, inherit ...*os.File) fake {
	t.Helper()
	f := fake{Tool{Path: "/tmp/tool", Inherit: inherit}, filepath.Join(t.TempDir(), "image"), t.TempDir()}
	must(t, os.WriteFile(filepath.Join(f.work, "tool"), []byte("#!/bin/sh\n"+text), 0o700))
	must(t, os.WriteFile(f.image, []byte("image"), 0o600))
	return f
}

func (f fake) prepare(ctx context.Context) error {
	return f.tool.Prepare(ctx, Config{}, f.image, f.work, func(string) {})
}

func TestErrorsAreOneBoundedLineWithTheOutputsEnd(t *testing.T) {
	f := newFake(t, `echo "[   2.0] Running: clean"; head -c 100000 /dev/zero | tr '\0' x
		printf '\033[31m b\n c\n\nIf reporting bugs, run\n' >&2; exit 7`)
	err := f.prepare(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "virt-sysprep: clean up: exit status 7: … xxx") ||
		!strings.HasSuffix(err.Error(), "x b c") || len(err.Error()) > 2000 {
		t.Errorf("%.200v", err)
	}
}

func TestSilentFailuresAreReported(t *testing.T) {
	if err := newFake(t, "exit 1").prepare(t.Context()); err == nil || err.Error() != "virt-sysprep: start the appliance: exit status 1" {
		t.Errorf("%v", err)
	}
}

// It is alone in its namespace, sees the image and its own files in /tmp, and
// gets nothing of our environment.
func TestTheToolHasItsOwnSurroundings(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD_TEST", "LC_ALL", "LIBGUESTFS_DEBUG", "http_proxy", "TMPDIR"} {
		t.Setenv(name, t.TempDir()+"/poison")
	}
	f := newFake(t, `echo "I am $$ in $PWD"; cat disk; echo; ls -A; env; exit 1`)
	err := f.prepare(t.Context())
	var failed *Error
	if !errors.As(err, &failed) || !strings.HasPrefix(failed.Output, "I am 1 in /tmp\nimage\nboot\nclean\ndisk\ntool\n") ||
		strings.Contains(failed.Output, "poison") || !strings.Contains(failed.Output, "LC_ALL=C") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadFile(filepath.Join(f.work, disk)); err != nil || len(left) > 0 {
		t.Errorf("outside there is %q, %v", left, err)
	}
}

func TestAnImageWhoseNameLeadsElsewhereIsNotTouched(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	f := newFake(t, "echo changed >disk", file)
	f.image = tool.Inherited(0)
	must(t, f.prepare(t.Context()))
	f = newFake(t, "echo changed >disk", file)
	f.image = tool.Inherited(0)
	must(t, os.Remove(file.Name()))
	must(t, os.WriteFile(file.Name()+" (deleted)", []byte("other"), 0o600)) // what the kernel calls it now
	if err := f.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("%v", err)
	}
	if other, err := os.ReadFile(file.Name() + " (deleted)"); err != nil || string(other) != "other" {
		t.Errorf("%q, %v", other, err)
	}
}

func TestACancelledToolIsNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newFake(t, "exit 0").prepare(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// lively starts a child in a session of its own, which no signal to a process
// group reaches; both keep the pipe open that they write to, and wait.
const lively = `setsid sh -c 'echo child >&3; read word <gate' &
read word <gate`

func newLively(t *testing.T) (f fake, said *bufio.Reader, closeOurs func()) {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	f = newFake(t, lively, w)
	must(t, unix.Mkfifo(filepath.Join(f.work, "gate"), 0o600))
	return f, bufio.NewReader(r), func() { must(t, w.Close()) }
}

func TestACancelledToolIsKilledWithItsDescendants(t *testing.T) {
	f, said, closeOurs := newLively(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- f.prepare(ctx) }()
	line, err := said.ReadString('\n')
	must(t, err)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left := inNamespaceOf(t, f.work); len(left) > 0 {
		t.Errorf("%q run on", left)
	}
	closeOurs()
	if rest, err := io.ReadAll(said); line != "child\n" || err != nil || len(rest) > 0 {
		t.Errorf("%q, %q, %v", line, rest, err)
	}
}

func TestATooEarlyEndOfTheToolEndsItsDescendants(t *testing.T) {
	f, _, _ := newLively(t)
	must(t, os.WriteFile(filepath.Join(f.work, "tool"), []byte("#!/bin/sh\n(setsid sh -c 'read word <gate' &)\nexit 3"), 0o700))
	if err := f.prepare(t.Context()); err == nil || !strings.HasSuffix(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	if left := inNamespaceOf(t, f.work); len(left) > 0 {
		t.Errorf("%q run on", left)
	}
}

const doomEnv = "GUESTFS_TEST_DOOMED"

// TestMain lets a test run this program again as one that is killed: the image
// and the folder come in the environment, and the pipe as file 3.
func TestMain(m *testing.M) {
	image, work, doomed := strings.Cut(os.Getenv(doomEnv), "\n")
	if !doomed {
		os.Exit(m.Run())
	}
	f := fake{Tool{Path: "/tmp/tool", Inherit: []*os.File{os.NewFile(3, "pipe")}}, image, work}
	_, _ = os.Stderr.WriteString("not killed: " + f.prepare(context.Background()).Error())
	os.Exit(1)
}

// The pipe ends when the last of them does.
func TestTheToolDiesWithThisProcess(t *testing.T) {
	f, said, closeOurs := newLively(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), doomEnv+"="+f.image+"\n"+f.work)
	cmd.ExtraFiles = f.tool.Inherit
	must(t, cmd.Start())
	closeOurs()
	line, err := said.ReadString('\n')
	must(t, err)
	must(t, cmd.Process.Kill())
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("%v", err)
	}
	if rest, err := io.ReadAll(said); line != "child\n" || err != nil || len(rest) > 0 {
		t.Errorf("%q, %q, %v", line, rest, err)
	}
}
