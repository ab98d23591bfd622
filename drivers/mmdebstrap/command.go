package mmdebstrap

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"pcloud-apply/drivers/tool"
)

// Error says which command failed, and what it printed.
type Error struct {
	Program string
	Output  string // the last 4 KiB
	Err     error  // of the process; the context's when that ended it
}

// Error has one line.
func (e *Error) Error() string {
	return tool.WithOutput(fmt.Sprintf("%s: %v", e.Program, e.Err), e.Output)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// command is a program with what it gets.
type command struct {
	name   string // in errors; "" is the path's last part
	path   string // absolute; inside root, if there is one
	args   []string
	root   string // the folder that it has for "/"; "" = its own
	env    []string
	input  string
	output io.Writer  // nil = what it prints is for errors only
	files  []*os.File // the first is tool.Inherited(0)
}

// run has a command do its work; see [tool.Run].
func (t Tool) run(ctx context.Context, c command) error {
	var printed tool.Tail
	if err := tool.Run(ctx, t.prepare(ctx, c, &printed)); err != nil {
		return &Error{cmp.Or(c.name, filepath.Base(c.path)), printed.String(), err}
	}
	return nil
}

func (t Tool) prepare(ctx context.Context, c command, printed *tool.Tail) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Stdin = strings.NewReader(c.input)
	cmd.Stdout, cmd.Stderr = printed, printed
	if c.output != nil {
		cmd.Stdout = c.output
	}
	cmd.Dir, cmd.Env = "/", tool.Environment(c.env...)
	cmd.ExtraFiles = append(c.files[:len(c.files):len(c.files)], t.Inherit...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root}
	return cmd
}

// unseen has a shell keep the inherited files, as the first process, and not
// the program: mmdebstrap hands the numbers of its own files to a shell, which
// knows those of one digit only.
func (t Tool) unseen(c command) command {
	closed := ""
	for i := range t.Inherit {
		closed += fmt.Sprintf(" %d>&-", i+3)
	}
	c.args = append([]string{"-c", `"$@"` + closed + "; exit $?", c.path, c.path}, c.args...)
	c.name, c.path = filepath.Base(c.path), "/bin/sh"
	return c
}
