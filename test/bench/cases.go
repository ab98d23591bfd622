package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	lv "libvirt.org/go/libvirt"
)

func group(n int, more string) string {
	if n == 0 {
		return "spawns: {}"
	}
	return fmt.Sprintf("spawns: {vm: {count: %d%s}}", n, more)
}

// createAndDestroy measures making and taking away n spawns.
func (b *bench) createAndDestroy(n, times int, state string) error {
	running := state == "running"
	var destroyed, bareDestroyed []time.Duration
	create := result{name: fmt.Sprintf("create %d %s spawns", n, state), goal: 1.15}
	err := b.pairs(times, create, func() (time.Duration, error) {
		created, err := b.applied(group(n, ", state: "+state))
		if err != nil {
			return 0, err
		}
		gone, err := b.applied(group(0, ""))
		destroyed = append(destroyed, gone)
		return created, err
	}, func() (time.Duration, error) {
		created, err := timed(func() error { return b.bareCreate(n, running) })
		if err != nil {
			return 0, err
		}
		gone, err := timed(func() error { return b.bareDestroy(n, running) })
		bareDestroyed = append(bareDestroyed, gone)
		return created, err
	})
	if err != nil {
		return err
	}
	i := 0
	next := func(times []time.Duration) func() (time.Duration, error) {
		return func() (time.Duration, error) { return times[i%len(times)], nil }
	}
	return b.pairs(times, result{name: fmt.Sprintf("destroy %d %s spawns", n, state), goal: 1.15}, func() (time.Duration, error) {
		i++
		return next(destroyed)()
	}, next(bareDestroyed))
}

func (b *bench) stopped() error { return b.createAndDestroy(200, 3, "stopped") }
func (b *bench) running() error { return b.createAndDestroy(10, 3, "running") }

// plans measures a plan with nothing to do over n domains.
func (b *bench) plans(n int) error {
	if _, err := b.applied(group(n, ", state: stopped")); err != nil {
		return err
	}
	return b.pairs(7, result{name: fmt.Sprintf("plan, nothing to do, %d domains", n), goal: 2}, func() (time.Duration, error) {
		return b.ours("plan")
	}, func() (time.Duration, error) { return timed(b.barePlan) })
}

// strangers measures what other people's files and domains cost a plan: the
// reference is the same plan without them, and a listing of the folder.
func (b *bench) strangers() error {
	if _, err := b.applied(group(100, ", state: stopped")); err != nil {
		return err
	}
	alone, err := b.planMedian()
	if err != nil {
		return err
	}
	listing, err := b.manyFiles()
	if err != nil {
		return err
	}
	same := func(d time.Duration) func() (time.Duration, error) {
		return func() (time.Duration, error) { return d, nil }
	}
	plan := func() (time.Duration, error) { return b.ours("plan") }
	if err := b.pairs(5, result{name: "plan of 100, beside 10,000 other files", goal: 1.15,
		note: "reference: the plan without them, and their listing"}, plan, same(alone+listing)); err != nil {
		return err
	}
	if err := b.removeFiles(); err != nil {
		return err
	}
	if err := b.manyDomains(200); err != nil {
		return err
	}
	err = b.pairs(5, result{name: "plan of 100, beside 200 other domains", goal: 1.15,
		note: "reference: the plan without them"}, plan, same(alone))
	return errors.Join(err, b.bareDestroy(200, false))
}

func (b *bench) planMedian() (time.Duration, error) {
	var times []time.Duration
	for range 5 {
		d, err := b.ours("plan")
		if err != nil {
			return 0, err
		}
		times = append(times, d)
	}
	return median(times), nil
}

// manyFiles puts 10,000 files into the pool and gives the time to list them.
func (b *bench) manyFiles() (time.Duration, error) {
	for i := range 10_000 {
		path := filepath.Join(b.lab.Pool(), fmt.Sprintf("stranger-%d.qcow2", i))
		if err := os.WriteFile(path, []byte("QFI"), 0o600); err != nil {
			return 0, err
		}
	}
	return timed(func() error {
		_, err := os.ReadDir(b.lab.Pool())
		return err
	})
}

func (b *bench) removeFiles() error {
	names, err := filepath.Glob(filepath.Join(b.lab.Pool(), "stranger-*"))
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// manyDomains defines foreign domains whose names have no spawn's shape.
func (b *bench) manyDomains(n int) error { return b.bareCreate(n, false) }

// consolidations measures offline and live against the tools themselves.
func (b *bench) consolidations() error {
	overlay := func(state string) func() error {
		return func() error {
			_, err := b.applied(group(0, ""))
			if err == nil {
				_, err = b.applied(group(1, ", state: "+state))
			}
			return err
		}
	}
	for _, c := range []struct {
		name, state string
		bare        func() error
	}{
		{"consolidate, off", "stopped", b.bareRebase}, {"consolidate, running", "running", b.barePull},
	} {
		err := b.pairs(3, result{name: c.name, goal: 1.1}, func() (time.Duration, error) {
			if err := overlay(c.state)(); err != nil {
				return 0, err
			}
			return b.applied(group(1, ", standalone: true, state: "+c.state))
		}, func() (time.Duration, error) {
			if err := overlay(c.state)(); err != nil {
				return 0, err
			}
			return timed(c.bare)
		})
		if err != nil {
			return err
		}
	}
	_, err := b.applied(group(0, ""))
	return err
}

func (b *bench) bareRebase() error {
	path := filepath.Join(b.lab.Pool(), "tiny.vm-1.qcow2")
	if out, err := exec.Command("qemu-img", "rebase", "-t", "writeback", "-f", "qcow2", "-b", "", path).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func (b *bench) barePull() error {
	domain, err := b.conns[0].LookupDomainByName("tiny.vm-1")
	if err != nil {
		return err
	}
	defer func() { _ = domain.Free() }() // fails only for a handle that is none
	if err := domain.BlockPull("vda", 0, 0); err != nil {
		return err
	}
	for {
		info, err := domain.GetBlockJobInfo("vda", 0)
		if err != nil || info.Type != lv.DOMAIN_BLOCK_JOB_TYPE_PULL {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
