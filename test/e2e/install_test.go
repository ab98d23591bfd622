package e2e

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const preseedAnswers = `# as a user writes it
d-i partman-auto/disk string /dev/vda
d-i netcfg/get_hostname string built
d-i preseed/late_command string echo late > /target/etc/late
d-i debian-installer/exit/poweroff boolean true
`

const kickstartAnswers = `text
zerombr
ignoredisk --only-use=vda
clearpart --all --initlabel --drives=vda
autopart
network --bootproto=dhcp --hostname=built
poweroff
%post --nochroot
echo late > /target/etc/late
%end
`

// installedImage is made by the installer of scripts/installer, which does in
// small what a distribution's does: partitions, unpacks a system, installs a
// boot loader and powers off.
func (w *world) installedImage(kind, answers, timeout string) string {
	w.Helper()
	w.must(os.WriteFile(w.path("answers"), []byte(answers), 0o600))
	folder := filepath.Join(filepath.Dir(source), "installer")
	return fmt.Sprintf("images: {tiny: {install: {kernel: %s/linux, initrd: %s/initrd, %s: answers, memory: 256MiB, vcpus: 1, timeout: %s}, disk: 128MiB}}\n",
		folder, folder, kind, timeout)
}

func TestASystemIsInstalledUnattended(t *testing.T) {
	for kind, answers := range map[string]string{"preseed": preseedAnswers, "kickstart": kickstartAnswers} {
		t.Run(kind, func(t *testing.T) {
			w := begin(t)
			w.inventory(w.installedImage(kind, answers, "5m") + "spawns: {web: {wait: {for: ssh, timeout: 2m}}}\n")
			w.expect(0, "apply", "-v").wants(t, "image tiny: install: fetch the installer", "image tiny: install: install", "image tiny: boot", "(", "install ")
			w.settled()
			want := fmt.Sprintf("%s %x", kind, sha256.Sum256([]byte(answers)))
			if got := w.guest("web", "cat", "/data/etc/installed-by"); got != want {
				t.Errorf("%q, not %q", got, want)
			}
			if got := w.guest("web", "cat", "/data/etc/late"); got != "late" {
				t.Errorf("the late command left %q", got)
			}
		})
	}
}

func TestAnInstallerThatAsksIsEnded(t *testing.T) {
	w := begin(t)
	before := snapshot(t)
	w.inventory(w.installedImage("preseed", "d-i partman/unknown string secret-answer\n", "20s") + "spawns: {}\n")
	r := w.expect(3, "apply")
	r.wants(t, "image tiny: publish: install: install: virt-install: no end within 20s", "the console ends with:", "installer: FAILED: ")
	if diff := before.Diff(snapshot(t)); diff != "" {
		t.Errorf("it left:\n%s", diff)
	}
	w.noWorkIsLeft()
}

func (w *world) builds() int {
	w.Helper()
	return strings.Count(w.virsh("list", "--all", "--name"), "pcloud-build-")
}

func TestKilledWhileInstalling(t *testing.T) {
	w := begin(t)
	w.inventory(w.installedImage("preseed", preseedAnswers, "5m") + "spawns: {web: {state: stopped}}\n")
	cmd := w.command(nil, program, "apply")
	w.must(cmd.Start())
	w.until("the build VM runs", func() bool { return w.builds() == 1 })
	w.must(cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Fatal("it was not killed")
	}
	w.until("the build VM is gone", func() bool { return w.builds() == 0 })
	w.converged()
	w.noWorkIsLeft()
}

// TestABuildVMWithoutItsGuardIsSwept: what a killed run and a killed guard left
// ends with the next apply.
func TestABuildVMWithoutItsGuardIsSwept(t *testing.T) {
	w := begin(t)
	w.inventory(w.installedImage("preseed", "d-i partman/unknown string waits\n", "5m") + "spawns: {}\n")
	cmd := w.command(nil, program, "apply")
	w.must(cmd.Start())
	w.until("the build VM runs", func() bool { return w.builds() == 1 })
	w.must(errors.Join(syscall.Kill(w.guard(), syscall.SIGKILL), cmd.Process.Kill()))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != killed || w.builds() != 1 {
		t.Fatalf("%v, %d build VMs", err, w.builds())
	}
	w.inventory("spawns: {}\n")
	w.expect(0, "apply", "--allow-empty")
	if w.builds() > 0 {
		t.Error("the build VM is left")
	}
	w.noWorkIsLeft()
}

// guard is the process that ends the build VM of this test.
func (w *world) guard() (pid int) {
	w.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	w.must(err)
	for _, line := range lines {
		text, _ := os.ReadFile(line) // many end while we look
		if strings.HasPrefix(string(text), "/bin/sh\x00-uc\x00") && strings.Contains(string(text), w.cache) {
			_, err := fmt.Sscanf(line, "/proc/%d/", &pid)
			w.must(err)
		}
	}
	if pid == 0 {
		w.Fatal("no guard")
	}
	return pid
}

// debianInstaller is the folder of the package debian-installer-12-netboot-amd64.
const debianInstaller = "/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"

// TestDebiansInstallerTakesTheProfile goes as far as there is no mirror: the
// installer asks nothing, and begins to download by itself.
func TestDebiansInstallerTakesTheProfile(t *testing.T) {
	w := begin(t)
	mirror := host.Enter("busybox", "httpd", "-f", "-vv", "-p", "192.168.122.1:8180", "-h", w.dir)
	asked, err := mirror.StderrPipe()
	w.must(err)
	w.must(mirror.Start())
	t.Cleanup(func() {
		_ = mirror.Process.Kill()
		_ = mirror.Wait() // it says that it was killed
	})
	w.inventory(fmt.Sprintf("images: {debian: {install: {distro: debian12, kernel: %s/linux, initrd: %s/initrd.gz, "+
		"kernel_args: \"mirror/http/hostname=192.168.122.1:8180\"}}}\nspawns: {}\n", debianInstaller, debianInstaller))
	cmd := w.command(nil, program, "apply")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	w.must(cmd.Start())
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		_ = mirror.Process.Kill() // nothing will ask it any more
	}()
	if log := readUntil(t, asked, "/debian/dists/bookworm/Release"); !strings.Contains(log, "bookworm/Release") {
		t.Fatalf("the installer asked for nothing (%v): %s\n%s", <-ended, log, out.String())
	}
	console := w.console()
	w.must(cmd.Process.Signal(syscall.SIGINT))
	if err := <-ended; cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, said := range []string{"auto=true priority=critical", "Configuring the network with", "Checking the Debian archive mirror"} {
		if !strings.Contains(console, said) {
			t.Errorf("%q is not in the console: %s", said, console)
		}
	}
	w.noWorkIsLeft()
	if w.builds() > 0 {
		t.Error("the build VM is left")
	}
}

// console is what an installer has written to its serial line.
func (w *world) console() string {
	w.Helper()
	files, err := filepath.Glob(w.cache + "/pcloud-apply/work/*/install/console")
	w.must(err)
	if len(files) != 1 {
		w.Logf("consoles: %v", files)
		return ""
	}
	text, err := os.ReadFile(files[0])
	w.must(err)
	return string(text)
}

func (w *world) noWorkIsLeft() {
	w.Helper()
	if left, err := filepath.Glob(w.cache + "/pcloud-apply/work/*"); err != nil || len(left) > 0 {
		w.Errorf("left: %v (%v)", left, err)
	}
}
