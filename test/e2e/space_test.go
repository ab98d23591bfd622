package e2e

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// inside runs a command where the small pool and the false tools are mounted.
func (w *world) inside(script string, args ...string) string {
	w.Helper()
	out, err := host.Inside("sh", append([]string{"-ec", script, "sh"}, args...)...).CombinedOutput()
	if err != nil {
		w.Fatalf("%s: %v: %s", script, err, out)
	}
	return string(out)
}

// smallPool mounts a folder of a few MiB over the pool's, for this test.
func (w *world) smallPool(size string) {
	w.Helper()
	w.inside(`mount -t tmpfs -o mode=0711,size="$1" tmpfs "$2"`, size, host.Pool())
	w.enter = host.Inside
	w.Cleanup(func() {
		w.run(program, "destroy")
		if left := w.inside(`ls -A "$1"`, host.Pool()); left != "" {
			w.Errorf("left in the small pool: %s", left)
		}
		w.inside(`umount "$1"`, host.Pool())
		w.virsh("pool-refresh", "default")
	})
	w.virsh("pool-refresh", "default")
}

// fill takes all the space that is left in the pool, until it is removed again.
const fill = `dd if=/dev/zero of="$1/stranger" bs=64k 2>/dev/null || true`

// falseQEMUImg puts a script in front of the real qemu-img: before, for a rebase.
func (w *world) falseQEMUImg(before string) (remove func()) {
	w.Helper()
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = rebase ]; then\n%s\nfi\nexec %s \"$@\"\n", before, w.path("real-qemu-img"))
	w.must(os.WriteFile(w.path("false-qemu-img"), []byte(script), 0o755))
	w.inside(`cp /usr/bin/qemu-img "$1/real-qemu-img"; mount --bind "$1/false-qemu-img" /usr/bin/qemu-img`, w.dir)
	removed := false
	remove = func() {
		if !removed {
			removed = true
			w.inside("umount --lazy /usr/bin/qemu-img") // a false one may be at work
		}
	}
	w.Cleanup(remove)
	w.enter = host.Inside
	return remove
}

// offContent is a checksum of what the guest of a spawn that is off would see.
func (w *world) offContent() string {
	w.Helper()
	return w.inside(`qemu-img convert -f qcow2 -O raw "$1/tiny.off.qcow2" "$2/raw"; sha256sum < "$2/raw"; rm "$2/raw"`, host.Pool(), w.dir)
}

func (w *world) stillHas(content string) {
	w.Helper()
	if w.offContent() != content {
		w.Error("the content of the disk was changed")
	}
}

// overlayOff makes a spawn that is off and gives its content.
func (w *world) overlayOff() string {
	w.Helper()
	w.inventory(off)
	w.converged()
	return w.offContent()
}

const off = tinyImage + "spawns: {off: {state: stopped}}\n"
const offAlone = tinyImage + "spawns: {off: {standalone: true, state: stopped}}\n"

func TestAConsolidationThatHasNoRoomIsNotBegun(t *testing.T) {
	w := begin(t)
	w.smallPool("24m")
	before := w.overlayOff()
	w.inventory(offAlone)
	w.expect(3, "apply").wants(t, "spawn off: consolidate: it needs", "more in "+host.Pool(), "are free")
	w.stillHas(before)
	w.inside(`mount -o remount,size=64m "$1"`, host.Pool())
	w.converged()
	w.stillHas(before)
}

func TestThePoolFillsUpInARebase(t *testing.T) {
	w := begin(t)
	w.smallPool("48m")
	before := w.overlayOff()
	remove := w.falseQEMUImg(strings.ReplaceAll(fill, "$1", host.Pool()))
	w.inventory(offAlone)
	w.expect(3, "apply").wants(t, "spawn off: consolidate: ", "No space left on device")
	w.stillHas(before)
	remove()
	w.inside(`rm "$1/stranger"`, host.Pool())
	w.converged()
	w.stillHas(before)
}

func TestThePoolFillsUpInALivePull(t *testing.T) {
	w := begin(t)
	w.smallPool("64m")
	w.inventory(overlays)
	w.converged()
	w.guest("web", "echo precious > /data/file && sync")
	w.slowPull()
	w.inventory(tinyImage + "spawns: {web: {standalone: true, wait: {for: ssh, timeout: 2m}}, off: {state: stopped}}\n")
	cmd := w.command(nil, program, "apply", "-v")
	out, err := cmd.StdoutPipe()
	w.must(err)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	w.must(cmd.Start())
	readUntil(t, out, "consolidate 0 %") // the room was looked at before
	w.inside(fill, host.Pool())
	w.virsh("blockjob", "tiny.web", "vda", "--bandwidth", "0")
	rest, err := io.ReadAll(out)
	w.must(err)
	_ = cmd.Wait() // the exit code tells
	result{cmd.ProcessState.ExitCode(), string(rest), errOut.String()}.wants(t, "the pull has ended, but the disk still has its backing file: is the pool full?")
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	w.inside(`rm "$1/stranger"`, host.Pool())
	w.converged()
	if got := w.guest("web", "cat /data/file"); got != "precious" {
		t.Errorf("the data is %q", got)
	}
}

func TestTheProgramIsKilledInARebase(t *testing.T) {
	w := begin(t)
	before := w.overlayOff()
	// The tool goes on without the program, and with its lock.
	remove := w.falseQEMUImg(fmt.Sprintf("kill -KILL $PPID; while [ ! -e %s ]; do :; done", w.path("go")))
	w.inventory(offAlone)
	if r := w.run(program, "apply"); r.code == 0 {
		t.Fatalf("it was not killed: %+v", r)
	}
	w.expect(5, "apply", "--lock-timeout", "1ms")
	w.must(os.WriteFile(w.path("go"), nil, 0o600))
	remove()
	w.converged()
	w.stillHas(before)
}

func TestQEMUImgIsKilledInARebase(t *testing.T) {
	w := begin(t)
	before := w.overlayOff()
	remove := w.falseQEMUImg("exec strace -f -qq -o /dev/null -e trace=pwritev,pwrite64 -e inject=pwritev,pwrite64:signal=KILL:when=3 " +
		w.path("real-qemu-img") + ` "$@"`)
	w.inventory(offAlone)
	w.expect(3, "apply").wants(t, "spawn off: consolidate: ", "signal: killed", "the next apply goes on from there")
	w.stillHas(before)
	remove()
	w.converged()
	w.stillHas(before)
}
