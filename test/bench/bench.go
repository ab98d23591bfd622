package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pcloud-apply/test/lab"
)

// parallel is the same for ours and for the reference.
const parallel = 8

// result is one row of the table.
type result struct {
	name       string
	ours, bare time.Duration // medians
	goal       float64       // of the ratio; 0 is none
	note       string
}

func (r result) goalText() string {
	if r.goal == 0 {
		return "none"
	}
	return fmt.Sprintf("%.2f", r.goal)
}

func (r result) ratio() float64 { return float64(r.ours) / float64(r.bare) }

type bench struct {
	lab       *lab.Lab
	dir       string
	program   string
	reference string
	golden    string
	results   []result
	lags      series // from a lease to the told address
	memory    int64  // peak of the largest plan, bytes
}

func start(program, reference string) (b *bench, err error) {
	b = &bench{}
	if b.program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	if b.reference, err = filepath.Abs(reference); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	folder := filepath.Join(b.dir, "lab")
	if err := errors.Join(os.Chmod(b.dir, 0o711), os.Mkdir(folder, 0o711)); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	if b.lab, err = lab.Start(folder); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	if err := b.firstImages(); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *bench) stop() error {
	var errs []error
	if b.lab != nil {
		_, err := b.ours("destroy")
		errs = append(errs, err, b.lab.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// firstImages publishes the golden images that both sides make overlays on.
func (b *bench) firstImages() error {
	if err := b.largeImage(); err != nil {
		return err
	}
	if err := b.inventory("spawns: {}"); err != nil {
		return err
	}
	if _, err := b.ours("apply"); err != nil {
		return err
	}
	matches, err := filepath.Glob(filepath.Join(b.lab.Pool(), "tiny.golden-*.qcow2"))
	if err != nil || len(matches) != 1 {
		return fmt.Errorf("golden images: %v, %w", matches, err)
	}
	b.golden = matches[0]
	return nil
}

// largeImage is the tiny guest with as much data behind it as a small
// distribution has: what is copied shall count, not the start of a process.
func (b *bench) largeImage() error {
	image, err := lab.TinyImage()
	if err != nil {
		return err
	}
	for _, command := range [][]string{
		{"qemu-img", "convert", "-O", "qcow2", image, b.large()},
		{"qemu-img", "resize", "-f", "qcow2", b.large(), "1G"},
		{"qemu-io", "-f", "qcow2", "-c", "write -P 7 256M 512M", b.large()},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
		}
	}
	return nil
}

func (b *bench) large() string { return filepath.Join(b.dir, "large.qcow2") }

func (b *bench) inventory(spawns string) error {
	tiny, err := lab.TinyImage()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("version: 1\nname: bench\nhosts: {local: {uri: \"%s\", accelerator: tcg}}\npolicy: {max_destroy: 10000}\n"+
		"images: {tiny: {source: {file: %s}, canary: false}, large: {source: {file: %s}, canary: false}}\ndefaults: {image: tiny, memory: 96MiB, wait: {for: none}}\n%s\n",
		b.lab.URI(), tiny, b.large(), spawns)
	return os.WriteFile(b.file(), []byte(text), 0o600)
}

func (b *bench) file() string { return filepath.Join(b.dir, "cloud.yaml") }

// ours runs the program and gives its wall time.
func (b *bench) ours(args ...string) (time.Duration, error) {
	cmd := b.lab.Enter(b.program, append(args, "-f", b.file())...)
	elapsed, err := b.timed(cmd)
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && args[0] == "plan" {
		b.memory = max(b.memory, usage.Maxrss*1024)
	}
	return elapsed, err
}

// bare runs the reference program and gives its wall time.
func (b *bench) bare(args ...string) (time.Duration, error) {
	return b.timed(b.lab.Enter(b.reference, append([]string{b.lab.URI(), b.lab.Pool(), b.golden}, args...)...))
}

func (b *bench) timed(cmd *exec.Cmd) (time.Duration, error) {
	cmd.Env = []string{"PATH=/usr/bin:/bin", "XDG_CACHE_HOME=" + b.dir}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	begun := time.Now()
	err := cmd.Run()
	elapsed := time.Since(begun)
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, output.String())
	}
	return elapsed, nil
}

// applied puts the inventory in place and applies it.
func (b *bench) applied(spawns string) (time.Duration, error) {
	if err := b.inventory(spawns); err != nil {
		return 0, err
	}
	return b.ours("apply", "--allow-empty", "--parallel", fmt.Sprint(parallel))
}

// series are the times of one thing, in order.
type series []time.Duration

func (s *series) add(d time.Duration, err error) error {
	*s = append(*s, d)
	return err
}

// median leaves out the first, which warms up.
func (s series) median() time.Duration {
	sorted := slices.Sorted(slices.Values(s[1:]))
	return sorted[len(sorted)/2]
}

// pairs alternates between ours and the reference, n times after the first.
func (b *bench) pairs(n int, r result, ours, bare func() (time.Duration, error)) error {
	var own, reference series
	for range n + 1 {
		if err := own.add(ours()); err != nil {
			return fmt.Errorf("%s, ours: %w", r.name, err)
		}
		if err := reference.add(bare()); err != nil {
			return fmt.Errorf("%s, bare: %w", r.name, err)
		}
	}
	b.tell(r, own, reference)
	return nil
}

func (b *bench) tell(r result, own, reference series) {
	r.ours, r.bare = own.median(), reference.median()
	fmt.Printf("%-44s %10s %10s %6.2f  (goal %s) %s\n", r.name, round(r.ours), round(r.bare), r.ratio(), r.goalText(), r.note)
	b.results = append(b.results, r)
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
