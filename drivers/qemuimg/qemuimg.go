// Package qemuimg runs the external tool qemu-img. It knows nothing of plans.
package qemuimg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Tool is an installed qemu-img. It is safe for concurrent use.
type Tool struct {
	Path    string     // absolute
	Inherit []*os.File // files that children keep open, for the locks on them
}

// Error says which command failed, and what it printed.
type Error struct {
	Args   []string
	Output string
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("qemu-img %s: %v: %s", e.Args[0], e.Err, strings.TrimSpace(e.Output))
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Find looks for the tool where distributions put it. PATH is not asked: it is
// not ours when we run as root.
func Find() (Tool, error) {
	for _, path := range []string{"/usr/bin/qemu-img", "/bin/qemu-img", "/usr/local/bin/qemu-img"} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return Tool{Path: path}, nil
		}
	}
	return Tool{}, errors.New("qemu-img is not installed (apt-get install qemu-utils)")
}

// Convert copies an image into the qcow2 file target, which may exist and keeps
// its inode. It returns after a flush: the default cache mode would hide errors
// of the disk.
func (t Tool) Convert(ctx context.Context, source, format, target string) error {
	return t.run(ctx, []string{"convert", "-t", "writeback", "-f", format, "-O", "qcow2"}, source, target)
}

// Grow sets the virtual size of a qcow2 image that nothing has open.
func (t Tool) Grow(ctx context.Context, image string, size int64) error {
	return t.run(ctx, []string{"resize", "-q", "-f", "qcow2"}, image, strconv.FormatInt(size, 10))
}

// Flatten copies into a qcow2 overlay what it has from its backing file and
// cuts the link. Killed, it leaves the overlay as good as it was. QEMU's lock
// keeps a guest from starting on it meanwhile.
func (t Tool) Flatten(ctx context.Context, image string) error {
	return t.run(ctx, []string{"rebase", "-t", "writeback", "-f", "qcow2", "-b", ""}, image)
}

// Measure gives the bytes that the image with its whole chain would take as
// one qcow2 file. A guest may have it open.
func (t Tool) Measure(ctx context.Context, image string) (int64, error) {
	output, err := t.output(ctx, []string{"measure", "--output=json", "-U", "-f", "qcow2", "-O", "qcow2"}, image)
	if err != nil {
		return 0, err
	}
	var measured struct {
		Required int64 `json:"required"`
	}
	if err := json.Unmarshal(output, &measured); err != nil {
		return 0, fmt.Errorf("qemu-img measure: %w", err)
	}
	return measured.Required, nil
}

// Version is what the tool says of itself, for example "7.2.22".
func (t Tool) Version(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, t.Path, "--version")
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("qemu-img --version: %w", err)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return strings.TrimPrefix(line, "qemu-img version "), nil
}

// maxOutput bounds what is kept of a tool's output.
const maxOutput = 4096

func (t Tool) run(ctx context.Context, options []string, file string, more ...string) error {
	_, err := t.output(ctx, options, file, more...)
	return err
}

// output takes file names as arguments of their own. A name that is not an
// absolute path could mean a protocol or an option to QEMU.
func (t Tool) output(ctx context.Context, options []string, file string, more ...string) ([]byte, error) {
	args := append(append(options, "--", file), more...)
	if !filepath.IsAbs(file) {
		return nil, fmt.Errorf("qemu-img: %q is not an absolute path", file)
	}
	cmd := exec.CommandContext(ctx, t.Path, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	cmd.ExtraFiles = t.Inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		text := output.Bytes()
		return nil, &Error{args, string(text[:min(len(text), maxOutput)]), err}
	}
	return output.Bytes(), nil
}

// Inherited is the name under which a command sees the i-th inherited file.
func Inherited(i int) string { return fmt.Sprintf("/proc/self/fd/%d", i+3) }
