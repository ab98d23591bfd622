package guestfs

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"pcloud-apply/drivers/tool"
)

// Error says at which stage the tool failed, and what it printed.
type Error struct {
	Stage  string
	Output string // its end; what a command printed is there too
	Err    error  // of the process; the context's when that ended it
}

// Error has one line.
func (e *Error) Error() string {
	said, _, _ := strings.Cut(e.Output, "\nIf reporting bugs")
	return tool.WithOutput(fmt.Sprintf("virt-sysprep: %s: %v", e.Stage, e.Err), said)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// enter makes the image $1 and the working folder $2 what the tool, the rest,
// finds in /tmp, and becomes the tool. A bind mount needs the image's name; that
// it still leads to the same file is seen afterwards.
const enter = `
mount --bind "$1" "$2/` + disk + `"
[ "$1" -ef "$2/` + disk + `" ] || { echo "the name of the image leads to another file"; exit 1; }
mount --rbind "$2" /tmp
cd /tmp
shift 2
exec "$@"`

// run runs the tool to its end; see [tool.Run].
func (t Tool) run(ctx context.Context, image, work string, env, args []string, p *progress) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-euc", enter, "sh", image, work, t.Path}, args...)...)
	cmd.Stdout, cmd.Stderr = p, p
	cmd.Env = env
	cmd.ExtraFiles = t.Inherit
	if err := tool.Run(ctx, cmd); err != nil {
		return &Error{p.name(), string(p.text), err}
	}
	return nil
}
