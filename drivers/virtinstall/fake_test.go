package virtinstall

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

const (
	someUUID = "11111111-2222-4333-8444-555555555555"
	secret   = "d-i passwd/root-password password s3cret,\"=\n"
)

// trial is an installation in a test. It can be sent to another process.
type trial struct {
	Config Config
	Work   string
	Disk   string
	Paths  map[string]string
}

// run has the tool inherit the files.
func (r trial) run(ctx context.Context, step func(string), inherit ...*os.File) error {
	disk, err := os.OpenFile(r.Disk, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer disk.Close()
	return Tool{r.Paths, inherit}.Install(ctx, r.Config, r.Work, disk, step)
}

func (r trial) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.Work, name))
	must(t, err)
	return string(content)
}

// newTrial has files of a kernel and an initrd, and tools that are shell texts:
// they find the folder in $HOME, and for virsh in $work.
func newTrial(t *testing.T, virtInstall, virsh string) trial {
	t.Helper()
	dir, work := t.TempDir(), t.TempDir()
	r := trial{Work: work, Disk: filepath.Join(dir, "disk"), Config: plain(dir), Paths: map[string]string{
		"virt-install": filepath.Join(dir, "virt-install"), "virsh": filepath.Join(dir, "virsh")}}
	must(t, os.WriteFile(r.Paths["virt-install"], []byte("#!/bin/sh\n"+virtInstall), 0o700))
	must(t, os.WriteFile(r.Paths["virsh"], []byte("#!/bin/sh\nwork="+work+"\n"+virsh), 0o700))
	for _, name := range []string{"kernel", "initrd"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644))
	}
	must(t, os.WriteFile(r.Disk, nil, 0o600))
	must(t, os.Truncate(r.Disk, mebibyte))
	return r
}

// plain is a complete configuration.
func plain(dir string) Config {
	return Config{
		URI: "qemu:///system", Name: "build", UUID: someUUID, Title: "a build",
		Kernel: filepath.Join(dir, "kernel"), Initrd: filepath.Join(dir, "initrd"),
		Answers: Answers{"preseed", []byte(secret)},
		Memory:  512 * mebibyte, VCPUs: 1, Network: "default", Timeout: time.Minute,
	}
}

const doomEnv = "VIRTINSTALL_TEST_DOOMED"

// TestMain lets a test run this program again as one that is killed: the trial
// comes in the environment, and a pipe as file 3.
func TestMain(m *testing.M) {
	text := os.Getenv(doomEnv)
	if text == "" {
		os.Exit(m.Run())
	}
	syscall.CloseOnExec(3) // as all files that Go opens
	var r trial
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		err = r.run(context.Background(), func(string) {}, os.NewFile(3, "pipe"))
	}
	_, _ = os.Stderr.WriteString("not killed: " + err.Error())
	os.Exit(1)
}

// doom starts a process that runs the trial, in a process group of its own. It
// and all that it starts have the pipe.
func (r trial) doom(t *testing.T, pipe *os.File) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(r)
	must(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), doomEnv+"="+string(text))
	cmd.ExtraFiles = []*os.File{pipe}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, cmd.Start())
	return cmd
}

// kill ends a doomed process with its group, as a terminal or a shell may do.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	must(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL))
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("%v", err)
	}
}
