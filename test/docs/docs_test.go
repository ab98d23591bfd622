package docs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pcloud-apply/test/lab"
)

// exampleKey is the public key of all pages. The test puts its own there, so
// that what a page does by SSH works.
const exampleKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJXm6KKzyNKLUYVjiADtVlkzvKWqBVM9aHtgN8RsnE7a me"

// sshScript takes the test's key, and any host key, since machines of a lab come and go.
const sshScript = `#!/bin/sh
exec /usr/bin/ssh -F none -i %s -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes "$@"
`

// reader is somebody who works through a page.
type reader struct {
	*testing.T
	host   *lab.Lab
	tools  string // a folder with the programs that the pages use
	key    string // the reader's public key
	source string // what the pages call a cloud image
	dir    string // where the reader works
}

// TestPages runs the commands of every page. Afterwards nothing is left of what
// the page made, once all of its last inventory is destroyed.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%v, %v", pages, err)
	}
	r := newReader(t)
	for _, path := range pages {
		text, err := os.ReadFile(path)
		r.must(err)
		steps, err := parse(string(text))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
		if len(steps) > 0 {
			t.Run(filepath.Base(path), func(t *testing.T) { r.at(t).read(filepath.Base(path), steps) })
		}
	}
}

func newReader(t *testing.T) *reader {
	r := &reader{T: t, host: lab.New(t), tools: t.TempDir()}
	var err error
	r.source, err = lab.TinyImage()
	r.must(err)
	key := filepath.Join(r.tools, "key")
	r.must(os.WriteFile(filepath.Join(r.tools, "ssh"), fmt.Appendf(nil, sshScript, key), 0o755))
	r.shell("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	r.shell("go", "build", "-tags", "libvirt_dlopen,libvirt_without_lxc,libvirt_without_qemu",
		"-o", filepath.Join(r.tools, "pcloud-apply"), "pcloud-apply/cmd/pcloud-apply")
	public, err := os.ReadFile(key + ".pub")
	r.must(err)
	r.key = strings.TrimSpace(string(public))
	// The locks of others on this machine are not the reader's.
	if out, err := r.host.Inside("mount", "-t", "tmpfs", "locks", "/run/lock").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

// at is the reader at the beginning of a page: in a folder with a cloud image.
func (r *reader) at(t *testing.T) *reader {
	other := *r
	other.T = t
	// QEMU's user has to reach the cache; t.TempDir is closed to it.
	dir, err := os.MkdirTemp(filepath.Dir(r.host.Pool()), "page-")
	other.must(err)
	t.Cleanup(func() { other.must(os.RemoveAll(dir)) })
	other.must(os.Chmod(dir, 0o755))
	other.dir = filepath.Join(dir, "cloud")
	image, err := os.ReadFile(r.source)
	other.must(err)
	other.write("images/debian12.qcow2", string(image))
	return &other
}

func (r *reader) read(page string, steps []step) {
	before := r.world()
	for _, s := range steps {
		if s.file != "" {
			r.write(s.file, strings.ReplaceAll(s.text, exampleKey, r.key))
			continue
		}
		code, output := r.run(s.command)
		r.Logf("$ %s\n%s", s.command, output)
		if code != s.code {
			r.Errorf("%s:%d: %s: exit code %d, want %d:\n%s", page, s.line, s.command, code, s.code, output)
		} else if line := missing(s.shown, output); line != "" {
			r.Errorf("%s:%d: %s: the page shows\n%s\nwhich is missing in\n%s", page, s.line, s.command, line, output)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "cloud.yaml")); err == nil {
		if code, output := r.run("pcloud-apply destroy"); code != 0 {
			r.Errorf("%s: destroy at the end: exit code %d:\n%s", page, code, output)
		}
	}
	if diff := before.Diff(r.world()); diff != "" {
		r.Errorf("%s: the host is not as it was before:\n%s", page, diff)
	}
}

func (r *reader) world() lab.Snapshot {
	r.Helper()
	s, err := lab.World(r.host)
	r.must(err)
	return s.Only(func(name string) bool { return !strings.Contains(name, "/run/lock/") })
}

// run types a command in the reader's folder.
func (r *reader) run(command string) (code int, output string) {
	cmd := r.host.Inside("bash", "-c", "cd "+r.dir+"\n"+command)
	cmd.Env = []string{
		"PATH=" + r.tools + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + r.dir, "LC_ALL=C.UTF-8",
		"XDG_CACHE_HOME=" + filepath.Dir(r.dir),
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		r.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (r *reader) write(name, text string) {
	r.Helper()
	path := filepath.Join(r.dir, name)
	r.must(os.MkdirAll(filepath.Dir(path), 0o755))
	r.must(os.WriteFile(path, []byte(text), 0o644))
}

func (r *reader) shell(name string, args ...string) {
	r.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		r.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

func (r *reader) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}
