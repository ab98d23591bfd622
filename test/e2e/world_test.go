// Package e2e runs the built program against a private libvirtd with guests
// that boot, and looks at the whole host before and after.
package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pcloud-apply/test/lab"
)

// The lab, the builds and the golden image's source are made once and shared:
// every test begins and ends with nothing but the foreign objects on the host.
var (
	host    *lab.Lab
	program string // as users have it
	killer  string // built with failpoints
	source  string // a tiny bootable image
	keyFile string
)

func TestMain(m *testing.M) {
	code, err := inLab(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func inLab(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if source, err = lab.TinyImage(); err != nil {
		return 0, err
	}
	if err := buildPrograms(dir); err != nil {
		return 0, err
	}
	folder := filepath.Join(dir, "lab")
	if err := errors.Join(os.Chmod(dir, 0o711), os.Mkdir(folder, 0o711)); err != nil { // QEMU is another user
		return 0, err
	}
	if host, err = lab.Start(folder); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if err := makeForeign(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

const tags = "libvirt_dlopen,libvirt_without_lxc,libvirt_without_qemu"

func buildPrograms(dir string) error {
	program, killer = filepath.Join(dir, "pcloud-apply"), filepath.Join(dir, "pcloud-apply-failpoint")
	keyFile = filepath.Join(dir, "key")
	for _, args := range [][]string{
		{"go", "build", "-race", "-tags", tags, "-o", program, "pcloud-apply/cmd/pcloud-apply"},
		{"go", "build", "-tags", tags + ",failpoint", "-o", killer, "pcloud-apply/cmd/pcloud-apply"},
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keyFile},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	return nil
}

// world is one test: a folder with an inventory, and the host as it was.
type world struct {
	*testing.T
	dir    string
	cache  string // of the program, in a place that QEMU's user can reach
	before lab.Snapshot
	enter  func(name string, args ...string) *exec.Cmd // where the program runs
}

// outside is the same test with the program in the machine's own network.
func (w *world) outside() *world {
	other := *w
	other.enter = exec.Command
	return &other
}

// begin takes the snapshot, and sees to it that at the end everything of the
// inventory is destroyed and the host is as it was.
func begin(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), before: snapshot(t), enter: host.Enter}
	w.makeCache()
	w.copySource()
	t.Cleanup(func() {
		w.run(program, "destroy")
		w.nothingLeft()
	})
	return w
}

func (w *world) makeCache() {
	w.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(host.Pool()), "cache-")
	w.must(err)
	w.must(os.Chmod(dir, 0o711))
	w.Cleanup(func() { w.must(os.RemoveAll(dir)) })
	w.cache = dir
}

func snapshot(t *testing.T) lab.Snapshot {
	t.Helper()
	s, err := lab.World(host)
	if err != nil {
		t.Fatal(err)
	}
	return s.Only(func(name string) bool { // locks of other runs on this machine are not ours
		return !strings.Contains(name, "/run/lock/") || strings.HasSuffix(name, "/"+inventoryName+".lock")
	})
}

// inventoryName is this process's own, so that others on this machine may test too.
var inventoryName = fmt.Sprintf("e2e-%d", os.Getpid())

func (w *world) nothingLeft() {
	w.Helper()
	if diff := w.before.Diff(snapshot(w.T)); diff != "" {
		w.Errorf("the host is not as it was before:\n%s", diff)
	}
}

func (w *world) copySource() {
	w.Helper()
	text, err := os.ReadFile(source)
	w.must(err)
	w.must(os.WriteFile(w.path("tiny.qcow2"), text, 0o644))
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// inventory writes cloud.yaml: the usual head, and what the test wants.
func (w *world) inventory(rest string) {
	w.Helper()
	key, err := os.ReadFile(keyFile + ".pub")
	w.must(err)
	head := fmt.Sprintf(`version: 1
name: %s
hosts: {local: {uri: "%s", accelerator: tcg}}
defaults:
  image: tiny
  memory: 96MiB
  ssh_authorized_keys: ["%s"]
  shutdown: {timeout: 30s, then: force}
`, inventoryName, host.URI(), strings.TrimSpace(string(key)))
	w.must(os.WriteFile(w.path("cloud.yaml"), []byte(head+rest), 0o644))
}

const tinyImage = "images: {tiny: {source: {file: tiny.qcow2}, canary: false}}\n"

// result is what a run of the program gave.
type result struct {
	code     int
	out, err string
}

// run runs a build of the program inside the lab's network.
func (w *world) run(build string, args ...string) result {
	w.Helper()
	return w.runWith(nil, build, args...)
}

func (w *world) runWith(env []string, build string, args ...string) result {
	w.Helper()
	cmd := w.command(env, build, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		w.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errOut.String()}
}

func (w *world) command(env []string, build string, args ...string) *exec.Cmd {
	cmd := w.enter(build, append(args, "-f", w.path("cloud.yaml"))...)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=" + w.dir, "XDG_CACHE_HOME=" + w.cache}, env...)
	return cmd
}

// expect runs the program and fails unless it ends with the code.
func (w *world) expect(code int, args ...string) result {
	w.Helper()
	r := w.run(program, args...)
	if r.code != code {
		w.Fatalf("pcloud-apply %s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s",
			strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// converged applies and shows that then there is nothing left to do or to say.
func (w *world) converged() {
	w.Helper()
	w.expect(0, "apply")
	w.settled()
}

func (w *world) settled() {
	w.Helper()
	if r := w.expect(0, "plan", "--detailed-exitcode"); !strings.HasPrefix(lastLine(r.out), "Nothing to do") {
		w.Errorf("the second plan is not empty:\n%s", r.out)
	}
	if r := w.expect(0, "apply"); r.out != "" || r.err != "" {
		w.Errorf("an apply with nothing to do says:\n%s%s", r.out, r.err)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func (r result) wants(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.out+r.err, text) {
			t.Errorf("%q is missing in:\n%s%s", text, r.out, r.err)
		}
	}
}

func (w *world) virsh(args ...string) string {
	w.Helper()
	out, err := host.Virsh(args...)
	w.must(err)
	return out
}

// ip is the first address of a spawn, as the program tells it.
func (w *world) ip(name string) string {
	w.Helper()
	return strings.Fields(w.expect(0, "ip", name).out)[0]
}

// guest runs a command in a spawn, with the key from its seed.
func (w *world) guest(name string, command ...string) string {
	w.Helper()
	out, err := host.SSH(w.ip(name), keyFile, command...)
	w.must(err)
	return strings.TrimSpace(out)
}

// pool is the path of a file in the pool's folder.
func (w *world) pool(name string) string { return filepath.Join(host.Pool(), name) }

// golden is the path of the only golden image there is.
func (w *world) golden() string {
	w.Helper()
	matches, err := filepath.Glob(w.pool("*.golden-*.qcow2"))
	w.must(err)
	if len(matches) != 1 {
		w.Fatalf("golden images: %v", matches)
	}
	return matches[0]
}

// until asks again and again; what never comes ends the test.
func (w *world) until(what string, is func() bool) {
	w.Helper()
	for begun := time.Now(); !is(); {
		if time.Since(begun) > 2*time.Minute {
			w.Fatalf("it never came that %s", what)
		}
	}
}

// shell runs a command on the machine.
func (w *world) shell(name string, args ...string) string {
	w.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		w.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return string(out)
}
