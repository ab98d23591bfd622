// Package tool finds and runs the external programs of the drivers.
package tool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Find looks for programs where distributions put them and gives their absolute
// paths by their names. Programs has the package of each. PATH is not asked: it
// is not ours when we run as root. The error says what they are for, and has
// the command that installs what is missing.
func Find(programs map[string]string, purpose string) (map[string]string, error) {
	return find(programs, purpose, "/usr/bin", "/usr/sbin", "/usr/local/bin", "/bin", "/sbin")
}

func find(programs map[string]string, purpose string, folders ...string) (map[string]string, error) {
	paths, missing := map[string]string{}, []string{}
	for name, pkg := range programs {
		if paths[name] = lookup(name, folders); paths[name] == "" {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fmt.Errorf("tools that %s are not installed (apt-get install %s)", purpose, strings.Join(slices.Compact(missing), " "))
	}
	return paths, nil
}

func lookup(name string, folders []string) string {
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// Environment is all that programs get of ours, and what they get more.
func Environment(more ...string) []string {
	return append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}, more...)
}

// Inherited is the name under which a program sees the i-th of its ExtraFiles.
// It leads to that very file, whatever became of the file's own name.
func Inherited(i int) string { return fmt.Sprintf("/proc/self/fd/%d", i+3) }

// patience is how long the output of a killed program may be held open.
const patience = 5 * time.Second

// Run runs a command of exec.CommandContext(ctx, …) to its end, alone in
// namespaces of its own: it is their first process, and when it ends, or ctx or
// this process does, the kernel kills all that it started and takes their
// mounts away, before Run returns. Of the command's SysProcAttr, Chroot counts.
// When ctx ended it, the error is the cause of that.
func Run(ctx context.Context, cmd *exec.Cmd) error {
	runtime.LockOSThread() // the kernel takes the end of the thread for the parent's
	defer runtime.UnlockOSThread()
	attributes := &syscall.SysProcAttr{
		Setsid:       true, // no terminal, neither its questions nor its signals
		Cloneflags:   syscall.CLONE_NEWPID,
		Unshareflags: syscall.CLONE_NEWNS, // so done, all mounts become private
		Pdeathsig:    syscall.SIGKILL,
	}
	if cmd.SysProcAttr != nil {
		attributes.Chroot = cmd.SysProcAttr.Chroot
	}
	cmd.SysProcAttr, cmd.WaitDelay = attributes, patience
	err := cmd.Run()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // it says more than the signal that we sent
	}
	return err
}
