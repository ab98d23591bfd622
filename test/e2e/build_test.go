package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// debianImage is built from the machine's package mirror. What is written at
// its end is of the preparation.
const debianImage = `images:
  debian:
    bootstrap: {suite: bookworm, packages: [bc]}
    disk: 2GiB
    prepare:
      packages: [ed]
      copy: [{from: notice, to: /etc/notice, mode: "0640", owner: "root:adm"}]
      timezone: Europe/Berlin
      run: ["id -un > /etc/prepared-by; ls /etc/ssh/ssh_host_* > /etc/host-keys 2>&1 || true"]
`

const debianSpawns = `spawns:
  twin: {image: debian, count: 2, memory: 512MiB, cloud_init: {user: ops}, wait: {for: ip, timeout: 10m}}
`

// TestADebianIsBootstrappedPreparedProvedAndSpawnedTwice runs the program in the
// machine's own network, where the mirror is.
func TestADebianIsBootstrappedPreparedProvedAndSpawnedTwice(t *testing.T) {
	w := begin(t).outside()
	w.must(os.WriteFile(w.path("notice"), []byte("all of one kind\n"), 0o600))
	w.inventory(debianImage + debianSpawns)
	w.killedAt("bootstrap: install packages")
	w.noBuildIsLeft(func() {
		w.expect(0, "apply", "-v").wants(t, "image debian: bootstrap: make file systems", "image debian: prepare: clean up", "image debian: boot", ": bootstrap ")
	})
	w.settled()
	w.twins()
	w.virginImage()
	w.killedWhilePreparing()
}

// killedAt ends the program with SIGKILL after it has told a step.
func (w *world) killedAt(step string) {
	w.Helper()
	cmd := w.command(nil, program, "apply", "-v")
	out, err := cmd.StdoutPipe()
	w.must(err)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	w.must(cmd.Start())
	said := readUntil(w.T, out, step)
	w.must(cmd.Process.Kill())
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != killed {
		w.Fatalf("not killed at %s: %v\n%s%s", step, err, said, errOut.String())
	}
	if published, err := filepath.Glob(w.pool("debian.golden-*")); err != nil || len(published) > 0 {
		w.Errorf("killed at %s: published is %v (%v)", step, published, err)
	}
}

// noBuildIsLeft shows that an apply clears away what a killed one has left.
func (w *world) noBuildIsLeft(apply func()) {
	w.Helper()
	if left, err := filepath.Glob(w.cache + "/pcloud-apply/work/*"); err != nil || len(left) == 0 {
		w.Fatalf("the killed builds left nothing to clear away (%v)", err)
	}
	apply()
	for _, pattern := range []string{w.cache + "/pcloud-apply/work/*", w.pool(".pcloud-*")} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			w.Errorf("left: %v (%v)", left, err)
		}
	}
	w.onlyOwnProcesses()
}

// onlyOwnProcesses: neither tool nor appliance works on this test's folder.
func (w *world) onlyOwnProcesses() {
	w.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	w.must(err)
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err == nil && (strings.Contains(string(text), w.cache) || strings.Contains(string(text), "guestfs")) {
			w.Errorf("%s is at work: %q", line, text)
		}
	}
}

// twins are two machines of one image, and have nothing in common that tells
// one machine from another.
func (w *world) twins() {
	w.Helper()
	unique := []string{"cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "cat /sys/class/net/e*/address", "hostname -I", "hostname"}
	same := map[string]string{
		"sudo id -un": "root", "cat /etc/prepared-by": "root", "stat -c %a:%U:%G /etc/notice": "640:root:adm",
		"sudo cat /etc/notice": "all of one kind", "date +%Z": "CET", "echo 6*7 | bc": "42", "echo = | sudo ed -s /etc/notice": "1",
	}
	for _, name := range []string{"twin-1", "twin-2"} {
		w.until(name+" answers", func() bool { return w.ops(name, "true") == nil })
	}
	for _, command := range unique {
		if one, other := w.asOps("twin-1", command), w.asOps("twin-2", command); one == other || one == "" {
			w.Errorf("%s gives %q and %q", command, one, other)
		}
	}
	for command, want := range same {
		if got := w.asOps("twin-2", command); got != want {
			w.Errorf("%s gives %q", command, got)
		}
	}
}

func (w *world) ops(name, command string) error {
	_, err := host.SSH("ops@"+w.ip(name), keyFile, command)
	return err
}

// asOps runs a command as the user whom the seed declares, when cloud-init is done.
func (w *world) asOps(name, command string) string {
	w.Helper()
	out, err := host.SSH("ops@"+w.ip(name), keyFile, "cloud-init status --wait >/dev/null && "+command)
	w.must(err)
	return strings.TrimSpace(out)
}

// virginImage looks into the published image: it has no identity to share.
func (w *world) virginImage() {
	w.Helper()
	disk := w.path("disk.raw")
	w.shell("qemu-img", "convert", "-f", "qcow2", "-O", "raw", w.golden(), disk)
	root := disk + fmt.Sprintf("?offset=%d", w.lastPartition(disk))
	for file, want := range map[string]string{"/etc/machine-id": "Size: 0", "/etc/ssh": "Type: directory", "/etc/prepared-by": "Size: 5"} {
		if got := w.debugfs(root, "stat "+file); !strings.Contains(got, want) {
			w.Errorf("%s: %s", file, got)
		}
	}
	for _, folder := range []string{"/etc/ssh", "/var/lib/cloud", "/root", "/var/lib/systemd"} {
		for _, trace := range []string{"ssh_host_", "instance", "_history", "random-seed"} {
			if got := w.debugfs(root, "ls -p "+folder); strings.Contains(got, trace) {
				w.Errorf("%s has %s: %s", folder, trace, got)
			}
		}
	}
	w.must(os.Remove(disk))
}

func (w *world) debugfs(image, command string) string {
	w.Helper()
	return w.shell("debugfs", "-R", command, image)
}

// lastPartition is where the root file system begins, in bytes.
func (w *world) lastPartition(disk string) int64 {
	w.Helper()
	var table struct {
		PartitionTable struct{ Partitions []struct{ Start int64 } }
	}
	w.must(json.Unmarshal([]byte(w.shell("sfdisk", "-J", disk)), &table))
	partitions := table.PartitionTable.Partitions
	return partitions[len(partitions)-1].Start * 512
}

// killedWhilePreparing makes another image of the one that was built.
func (w *world) killedWhilePreparing() {
	w.Helper()
	w.shell("cp", w.golden(), w.path("debian.qcow2"))
	w.expect(0, "destroy")
	w.inventory(`images: {debian: {source: {file: debian.qcow2}, prepare: {run: ["touch /etc/again"]}, canary: false}}` + "\nspawns: {}\n")
	w.killedAt("start the appliance")
	w.noBuildIsLeft(func() { w.expect(0, "apply") })
	w.settled()
}
