package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	lv "libvirt.org/go/libvirt"

	"pcloud-apply/test/lab"
)

// parallel is the same for ours and for the reference.
const parallel = 8

// result is one row of the table.
type result struct {
	name       string
	ours, bare time.Duration // medians
	goal       float64       // of the ratio
	note       string
}

func (r result) ratio() float64 { return float64(r.ours) / float64(r.bare) }

type bench struct {
	lab     *lab.Lab
	dir     string
	program string
	conns   []*lv.Connect
	golden  string
	results []result
	lags    []time.Duration // from a lease to the told address
	memory  int64           // peak of the largest plan, bytes
}

func start(program string) (b *bench, err error) {
	program, err = filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	b = &bench{program: program}
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
	for range 2 { // as many as ours has
		conn, err := lv.NewConnect(b.lab.URI())
		if err != nil {
			return nil, errors.Join(err, b.stop())
		}
		b.conns = append(b.conns, conn)
	}
	if err := b.firstImage(); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	return b, nil
}

func (b *bench) stop() error {
	var errs []error
	for _, conn := range b.conns {
		_, err := conn.Close()
		errs = append(errs, err)
	}
	if b.lab != nil {
		_, err := b.ours("destroy")
		errs = append(errs, err, b.lab.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// firstImage publishes the golden image that both sides make overlays on.
func (b *bench) firstImage() error {
	if err := b.inventory("spawns: {}"); err != nil {
		return err
	}
	if _, err := b.ours("apply"); err != nil {
		return err
	}
	matches, err := filepath.Glob(filepath.Join(b.lab.Pool(), "*.golden-*.qcow2"))
	if err != nil || len(matches) != 1 {
		return fmt.Errorf("golden images: %v, %w", matches, err)
	}
	b.golden = matches[0]
	return nil
}

func (b *bench) inventory(spawns string) error {
	image, err := lab.TinyImage()
	if err != nil {
		return err
	}
	text := fmt.Sprintf("version: 1\nname: bench\nhosts: {local: {uri: \"%s\", accelerator: tcg}}\npolicy: {max_destroy: 10000}\n"+
		"images: {tiny: {source: {file: %s}}}\ndefaults: {image: tiny, memory: 96MiB, wait: {for: none}}\n%s\n", b.lab.URI(), image, spawns)
	return os.WriteFile(b.file(), []byte(text), 0o600)
}

func (b *bench) file() string { return filepath.Join(b.dir, "cloud.yaml") }

// ours runs the program and gives its wall time.
func (b *bench) ours(args ...string) (time.Duration, error) {
	cmd := b.lab.Enter(b.program, append(args, "-f", b.file())...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "XDG_CACHE_HOME=" + b.dir}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	begun := time.Now()
	err := cmd.Run()
	elapsed := time.Since(begun)
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && args[0] == "plan" {
		b.memory = max(b.memory, usage.Maxrss*1024)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, output.String())
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

func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// pairs alternates between ours and the reference, and keeps the medians.
func (b *bench) pairs(n int, r result, ours, bare func() (time.Duration, error)) error {
	var own, reference []time.Duration
	for range n {
		o, err := ours()
		if err != nil {
			return fmt.Errorf("%s, ours: %w", r.name, err)
		}
		x, err := bare()
		if err != nil {
			return fmt.Errorf("%s, bare: %w", r.name, err)
		}
		own, reference = append(own, o), append(reference, x)
	}
	r.ours, r.bare = median(own), median(reference)
	fmt.Printf("%-44s %10s %10s %6.2f  (goal %.2f) %s\n", r.name, round(r.ours), round(r.bare), r.ratio(), r.goal, r.note)
	b.results = append(b.results, r)
	return nil
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
