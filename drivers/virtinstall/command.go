package virtinstall

import (
	"context"
	"os"
	"os/exec"

	"pcloud-apply/drivers/tool"
)

// run has a program do its work; see [tool.Run]. It has the files as well as
// those of Inherit.
func (i *installation) run(ctx context.Context, program string, args []string, files ...*os.File) error {
	var said tool.Tail
	cmd := exec.CommandContext(ctx, i.Paths[program], args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Dir, cmd.Env = "/", tool.Environment("HOME="+i.work, "TMPDIR="+i.work, "XDG_CACHE_HOME="+i.file("cache"))
	cmd.ExtraFiles = append(files[:len(files):len(files)], i.Inherit...)
	if err := tool.Run(ctx, cmd); err != nil {
		return &Error{Program: program, Output: said.String(), Err: err}
	}
	return nil
}
