package e2e

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// killed is the exit code of a program that SIGKILL ended.
const killed = -1

// everyStep applies with a kill before step 1, 2, 3, … until a run gets
// through. After each kill one apply must converge.
func (w *world) everyStep(prepare func(), args ...string) {
	w.Helper()
	w.steps(1, prepare, args...)
}

// steps is everyStep with some of the steps only.
func (w *world) steps(stride int, prepare func(), args ...string) {
	w.Helper()
	for n := 1; ; n += stride {
		prepare()
		r := w.runWith([]string{fmt.Sprintf("PCLOUD_APPLY_KILL_BEFORE_STEP=%d", n)}, killer, append(args, "--parallel", "1")...)
		if r.code != killed {
			if r.code != 0 || n < 4 {
				w.Fatalf("the run after %d kills: exit code %d\n%s%s", n-1, r.code, r.out, r.err)
			}
			w.Logf("killed before each of %d steps", (n-1)/stride)
			return
		}
		if again := w.run(program, "apply"); again.code != 0 {
			w.Fatalf("killed before step %d, the next apply: exit code %d\n%s%s", n, again.code, again.out, again.err)
		}
		w.settled()
		w.noLeftovers(n)
	}
}

func (w *world) noLeftovers(step int) {
	w.Helper()
	entries, err := os.ReadDir(host.Pool())
	w.must(err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".pcloud-") {
			w.Errorf("killed before step %d, left after the next apply: %s", step, entry.Name())
		}
	}
}

func TestKilledAtEachStepOfPublishAndSpawn(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {disks: {data: {size: 64MiB}}, autostart: true, wait: {for: none}}}\n")
	w.everyStep(func() {
		w.expect(0, "destroy")
		w.nothingLeft()
	}, "apply")
	w.settled()
}

func TestKilledAtEachStepOfDestroy(t *testing.T) {
	w := begin(t)
	full := tinyImage + "spawns: {web: {state: stopped}, old: {disks: {data: {size: 64MiB}}, wait: {for: none}}}\n"
	less := tinyImage + "spawns: {web: {state: stopped}}\n"
	w.everyStep(func() {
		w.inventory(full)
		w.converged()
		w.inventory(less)
	}, "apply")
	w.settled()
}

func TestKilledAtEachStepOfRemovingAnImage(t *testing.T) {
	w := begin(t)
	w.everyStep(func() {
		w.inventory("images: {tiny: {source: {file: tiny.qcow2}, canary: false}, spare: {source: {file: tiny.qcow2}, disk: 256MiB, canary: false}}\nspawns: {}\n")
		w.converged()
		w.inventory(tinyImage + "spawns: {}\n")
	}, "apply")
	w.settled()
}

func TestInterruptedInOrder(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {networks: [{network: default}], wait: {for: ssh, timeout: 5m}}}\n")
	cmd := w.command(nil, program, "apply", "-v")
	out, err := cmd.StdoutPipe()
	w.must(err)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	w.must(cmd.Start())
	seen := readUntil(t, out, "waiting for ssh")
	w.must(cmd.Process.Signal(syscall.SIGINT))
	rest := readUntil(t, out, "\x00")
	err = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("%v\n%s%s", err, seen, rest)
	}
	if !strings.Contains(errOut.String(), "spawn web: wait for ssh: interrupted") {
		t.Errorf("nothing tells that it was interrupted:\n%s%s", rest, errOut.String())
	}
	w.settled()
}

func TestTwoRunsAtOnce(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {wait: {for: ssh, timeout: 5m}}}\n")
	cmd := w.command(nil, program, "apply", "-v")
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	readUntil(t, out, "waiting for ssh")
	w.expect(5, "apply", "--lock-timeout", "1ms").wants(t, "another run is at work", fmt.Sprint("pid ", cmd.Process.Pid))
	readUntil(t, out, "\x00")
	w.must(cmd.Wait())
	w.settled()
}
