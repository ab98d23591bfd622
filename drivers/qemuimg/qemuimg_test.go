package qemuimg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func find(t *testing.T) Tool {
	t.Helper()
	tool, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

func raw(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, []byte(strings.Repeat("data", 1<<18)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConvertKeepsTheTargetsInodeAndTheContent(t *testing.T) {
	tool, source, target := find(t), raw(t), filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	if err := tool.Convert(t.Context(), source, "raw", target); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(target)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("another inode, %v", err)
	}
	if err := tool.Grow(t.Context(), target, 4<<20); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool.Path, "compare", "-f", "raw", "-F", "qcow2", source, target).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestErrorsKeepTheCommandAndItsOutput(t *testing.T) {
	err := find(t).Convert(t.Context(), "/nonexistent", "raw", filepath.Join(t.TempDir(), "x"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Args[0] != "convert" || !strings.Contains(failed.Output, "No such file") {
		t.Errorf("%v", err)
	}
}

func TestNamesThatAreNoPathsAreRefused(t *testing.T) {
	for _, name := range []string{"-f", "json:{}", "nbd:localhost", "a:b.qcow2", "plain"} {
		if err := find(t).Convert(t.Context(), name, "raw", "/x"); err == nil || !strings.Contains(err.Error(), "absolute") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACancelledToolIsKilled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := find(t).Convert(ctx, raw(t), "raw", filepath.Join(t.TempDir(), "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
