package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	lv "libvirt.org/go/libvirt"
)

func group(n int, more string) string {
	if n == 0 {
		return "spawns: {}"
	}
	return fmt.Sprintf("spawns: {vm: {count: %d%s}}", n, more)
}

// createAndDestroy measures making and taking away n spawns. The destroys are
// measured against the same calls, and against the fewest that would do.
func (b *bench) createAndDestroy(n, times int, state string) error {
	var destroyed, same, fewest series
	bare := func(destroy string, gone *series) (time.Duration, error) {
		created, err := b.bare("create", fmt.Sprint(n), state)
		if err != nil {
			return 0, err
		}
		return created, gone.add(b.bare(destroy, fmt.Sprint(n), state))
	}
	err := b.pairs(times, result{name: fmt.Sprintf("create %d %s spawns", n, state), goal: 1.15}, func() (time.Duration, error) {
		created, err := b.applied(group(n, ", state: "+state))
		if err != nil {
			return 0, err
		}
		return created, destroyed.add(b.applied(group(0, "")))
	}, func() (time.Duration, error) {
		if _, err := bare("blind-destroy", &fewest); err != nil {
			return 0, err
		}
		return bare("destroy", &same)
	})
	if err != nil {
		return err
	}
	b.tell(result{name: fmt.Sprintf("destroy %d %s spawns", n, state), goal: 1.15}, destroyed, same)
	b.tell(result{name: fmt.Sprintf("destroy %d %s, fewest calls", n, state), note: "reference: the fewest calls, which look at nothing"},
		destroyed, fewest)
	return nil
}

func (b *bench) stopped() error { return b.createAndDestroy(200, 5, "stopped") }
func (b *bench) running() error { return b.createAndDestroy(10, 7, "running") }

func (b *bench) plans() error {
	return errors.Join(b.plan(10), b.plan(100), b.plan(1000))
}

// plan measures a plan with nothing to do over n domains.
func (b *bench) plan(n int) error {
	if _, err := b.applied(group(n, ", state: stopped")); err != nil {
		return err
	}
	return b.pairs(7, result{name: fmt.Sprintf("plan, nothing to do, %d domains", n), goal: 2}, func() (time.Duration, error) {
		return b.ours("plan")
	}, func() (time.Duration, error) { return b.bare("plan") })
}

// strangers measures what other people's files and domains cost a plan: the
// reference is the same plan without them, and their listing.
func (b *bench) strangers() (err error) {
	if _, err := b.applied(group(100, ", state: stopped")); err != nil {
		return err
	}
	if err := b.beside("10,000 other files", b.manyFiles, b.removeFiles, b.listFiles); err != nil {
		return err
	}
	// Their names have no spawn's shape.
	return b.beside("200 other domains",
		func() error { _, err := b.bare("create", "200", "stopped"); return err },
		func() error { _, err := b.bare("blind-destroy", "200", "stopped"); return err },
		b.listDomains)
}

// beside measures a plan beside what others made, against one without it.
func (b *bench) beside(what string, make, remove func() error, list func() (time.Duration, error)) error {
	var alone, among series
	for range 6 {
		without, err := list()
		if err != nil {
			return err
		}
		if err := alone.add(b.ours("plan")); err != nil {
			return err
		}
		if err := make(); err != nil {
			return err
		}
		err = among.add(b.ours("plan"))
		with, listErr := list()
		if err := errors.Join(err, listErr, remove()); err != nil {
			return err
		}
		alone[len(alone)-1] += with - without
	}
	b.tell(result{name: "plan of 100, beside " + what, goal: 1.15, note: "reference: the plan without them, and their listing"}, among, alone)
	return nil
}

func (b *bench) manyFiles() error {
	for i := range 10_000 {
		path := filepath.Join(b.lab.Pool(), fmt.Sprintf("stranger-%d.qcow2", i))
		if err := os.WriteFile(path, []byte("QFI"), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) listFiles() (time.Duration, error) {
	begun := time.Now()
	_, err := os.ReadDir(b.lab.Pool())
	return time.Since(begun), err
}

func (b *bench) removeFiles() error {
	names, err := filepath.Glob(filepath.Join(b.lab.Pool(), "stranger-*"))
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// listDomains lists all twice, as a plan does.
func (b *bench) listDomains() (time.Duration, error) {
	c, err := lv.NewConnect(b.lab.URI())
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	for range 2 {
		domains, err := c.ListAllDomains(0)
		if err != nil {
			return 0, err
		}
		for i := range domains {
			_ = domains[i].Free() // fails only for a handle that is none
		}
	}
	elapsed := time.Since(begun)
	_, err = c.Close()
	return elapsed, err
}

// consolidations measures offline and live against the tools themselves.
func (b *bench) consolidations() error {
	overlay := func(state string) func() error {
		return func() error {
			_, err := b.applied(group(0, ""))
			if err == nil {
				_, err = b.applied(group(1, ", image: large, state: "+state))
			}
			unix.Sync() // what one leaves to be written must not slow down the other
			return err
		}
	}
	for _, c := range []struct {
		name, state string
		bare        func() (time.Duration, error)
	}{
		{"consolidate, off", "stopped", b.bareRebase},
		{"consolidate, running", "running", func() (time.Duration, error) { return b.bare("pull") }},
	} {
		err := b.pairs(7, result{name: c.name, goal: 1.1}, func() (time.Duration, error) {
			if err := overlay(c.state)(); err != nil {
				return 0, err
			}
			return b.applied(group(1, ", image: large, standalone: true, state: "+c.state))
		}, func() (time.Duration, error) {
			if err := overlay(c.state)(); err != nil {
				return 0, err
			}
			return c.bare()
		})
		if err != nil {
			return err
		}
	}
	_, err := b.applied(group(0, ""))
	return err
}

func (b *bench) bareRebase() (time.Duration, error) {
	path := filepath.Join(b.lab.Pool(), "large.vm-1.qcow2")
	return b.timed(exec.Command("qemu-img", "rebase", "-t", "writeback", "-f", "qcow2", "-b", "", path))
}
