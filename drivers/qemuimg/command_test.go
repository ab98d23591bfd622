package qemuimg

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// script is a tool that runs shell text.
func script(t *testing.T, text string, inherit ...*os.File) Tool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700))
	return Tool{Path: path, Inherit: inherit}
}

func TestErrorsKeepTheCommandAndItsOutput(t *testing.T) {
	err := find(t).Convert(t.Context(), "/nonexistent", "raw", filepath.Join(t.TempDir(), "x"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Args[0] != "convert" || !strings.Contains(failed.Output, "No such file") {
		t.Errorf("%v", err)
	}
}

func TestErrorsAreOneBoundedLine(t *testing.T) {
	err := script(t, `printf 'a\033[31m b\n c\n'; head -c 100000 /dev/zero | tr '\0' x; exit 7`).Check(t.Context(), "/x")
	if err == nil || !strings.HasPrefix(err.Error(), "qemu-img check: exit status 7: a [31m b c xxx") || len(err.Error()) > 5000 {
		t.Errorf("%.100v", err)
	}
}

// A warning is no part of the answer.
func TestTheAnswerIsWhatIsOnTheOutput(t *testing.T) {
	tool := script(t, `echo 'qemu-img: warning: odd' >&2; echo '{"required": 7}'`)
	if size, err := tool.Measure(t.Context(), "/x"); err != nil || size != 7 {
		t.Errorf("%d, %v", size, err)
	}
	if size, err := script(t, "echo; echo none").Measure(t.Context(), "/x"); err == nil {
		t.Errorf("%d", size)
	}
	err := script(t, "echo found; echo why >&2; exit 3").Check(t.Context(), "/x")
	if err == nil || err.Error() != "qemu-img check: exit status 3: why found" {
		t.Errorf("%v", err)
	}
}

func TestSilentFailuresAreReported(t *testing.T) {
	err := script(t, "exit 1").Check(t.Context(), "/x")
	if err == nil || err.Error() != "qemu-img check: exit status 1" {
		t.Errorf("%v", err)
	}
}

func TestTheEnvironmentIsClean(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD_TEST", "LC_ALL", "LIBVIRT_DEBUG", "http_proxy"} {
		t.Setenv(name, "/poison")
	}
	err := script(t, "env; exit 1").Check(t.Context(), "/x")
	if err == nil || strings.Contains(err.Error(), "poison") || !strings.Contains(err.Error(), "LC_ALL=C") {
		t.Errorf("%v", err)
	}
}

func TestACancelledToolIsNotStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := find(t).Convert(ctx, raw(t), "raw", filepath.Join(t.TempDir(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// The tool and its own child wait for a word. A child that lived on would say
// so when it gets the word after all.
func TestACancelledToolIsKilledWithItsChildren(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	tool := script(t, `(echo child >&3; read word <"$0.gate"; echo alive >&3) & read word <"$0.gate"`, w)
	must(t, unix.Mkfifo(tool.Path+".gate", 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- tool.Check(ctx, "/x") }()
	lines := bufio.NewReader(r)
	line, err := lines.ReadString('\n')
	must(t, err)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	gate, err := os.OpenFile(tool.Path+".gate", os.O_RDWR, 0)
	must(t, err)
	must(t, errors.Join(gate.Close(), w.Close()))
	if rest, err := io.ReadAll(lines); line != "child\n" || err != nil || len(rest) > 0 {
		t.Errorf("%q, %q, %v", line, rest, err)
	}
	must(t, r.Close())
}
