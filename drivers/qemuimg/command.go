package qemuimg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// Error says which command failed, and what it printed.
type Error struct {
	Args   []string // without the tool's own name
	Output string   // errors first; 4 KiB of each kind at most
	Err    error    // of the process; the context's when that ended it
}

// Error has one line: control characters in names that the tool repeats reach
// no terminal.
func (e *Error) Error() string {
	words := strings.FieldsFunc(e.Output, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	if len(words) == 0 {
		return fmt.Sprintf("qemu-img %s: %v", e.Args[0], e.Err)
	}
	return fmt.Sprintf("qemu-img %s: %v: %s", e.Args[0], e.Err, strings.Join(words, " "))
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// patience is how long a killed child's own children may hold its output open.
const patience = 5 * time.Second

// command runs the tool to its end, in a process group of its own: when ctx
// ends, nothing of it goes on. It gives what the tool printed on its output.
func (t Tool) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.Path, args...)
	var printed, complained output
	cmd.Stdout, cmd.Stderr = &printed, &complained
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.ExtraFiles = t.Inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = patience
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // it says more than the signal that we sent
	}
	if err != nil {
		return "", &Error{args, string(complained.text) + "\n" + string(printed.text), err}
	}
	return string(printed.text), nil
}

func killGroup(leader int) error {
	err := syscall.Kill(-leader, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

const maxOutput = 4096

// output keeps the beginning of what is written to it.
type output struct{ text []byte }

func (o *output) Write(p []byte) (int, error) {
	o.text = append(o.text, p[:min(len(p), maxOutput-len(o.text))]...)
	return len(p), nil
}
