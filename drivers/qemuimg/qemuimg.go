// Package qemuimg runs the external tool qemu-img. It knows nothing of plans.
//
// Formats are always given, never probed, and file names are absolute paths
// behind a "--": to QEMU another name may be an option, a protocol or a
// description of further files. Images from outside must have been judged by
// package qcow2 before.
package qemuimg

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pcloud-apply/drivers/tool"
)

// Tool is an installed qemu-img. It is safe for concurrent use.
type Tool struct {
	Path    string     // absolute
	Inherit []*os.File // files that children keep open, for the locks on them
}

// Find looks for the tool; see [tool.Find].
func Find() (Tool, error) {
	paths, err := tool.Find(map[string]string{"qemu-img": "qemu-utils"}, "make images")
	return Tool{Path: paths["qemu-img"]}, err
}

// Convert copies an image into the qcow2 file target, which may exist and then
// keeps its inode, owner and mode; what it held is lost. It returns after a
// flush: the default cache mode would hide errors of the disk. After an error
// target holds anything.
func (t Tool) Convert(ctx context.Context, source, format, target string) error {
	return t.run(ctx, []string{"convert", "-t", "writeback", "-f", format, "-O", "qcow2"}, source, target)
}

// Overlay makes target, which may exist and then keeps its inode, owner and
// mode, an overlay of the qcow2 image backing.
func (t Tool) Overlay(ctx context.Context, backing, target string) error {
	return t.run(ctx, []string{"create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing}, target)
}

// Grow enlarges the qcow2 image that nothing has open to a virtual size in
// bytes. A smaller size than it has is an error.
func (t Tool) Grow(ctx context.Context, image string, size int64) error {
	if err := absolute(image); err != nil {
		return err
	}
	_, err := t.command(ctx, "resize", "-q", "-f", "qcow2", "--", image, strconv.FormatInt(size, 10))
	return err
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
	if err := absolute(image); err != nil {
		return 0, err
	}
	text, err := t.command(ctx, "measure", "--output=json", "-U", "-f", "qcow2", "-O", "qcow2", "--", image)
	if err != nil {
		return 0, err
	}
	var measured struct {
		Required int64 `json:"required"`
	}
	if err := json.Unmarshal([]byte(text), &measured); err != nil {
		return 0, fmt.Errorf("qemu-img measure: %w", err)
	}
	return measured.Required, nil
}

// Check looks for errors and leaks in the metadata of a qcow2 image that
// nothing has open, and mends nothing.
func (t Tool) Check(ctx context.Context, image string) error {
	return t.run(ctx, []string{"check", "-f", "qcow2"}, image)
}

// Version is the tool's own, like "7.2.22".
func (t Tool) Version(ctx context.Context) (string, error) {
	text, err := t.command(ctx, "--version")
	if err != nil {
		return "", err
	}
	words := strings.Fields(text)
	if len(words) < 3 || words[0] != "qemu-img" || words[1] != "version" {
		return "", fmt.Errorf("qemu-img says of its version: %q", text)
	}
	return words[2], nil
}

// run gives the tool the names of files behind its options.
func (t Tool) run(ctx context.Context, options []string, files ...string) error {
	if err := absolute(files...); err != nil {
		return err
	}
	_, err := t.command(ctx, append(append(options, "--"), files...)...)
	return err
}

func absolute(files ...string) error {
	for _, name := range files {
		if !filepath.IsAbs(name) {
			return fmt.Errorf("qemu-img: %q is not an absolute path", name)
		}
	}
	return nil
}
