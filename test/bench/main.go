// Command bench measures pcloud-apply against the same work done bare: the
// same libvirt calls and file writes by a reference program without any of our
// logic, on the same private libvirtd in the same run. It makes a table and a plot.
//
// Times depend on the machine, ratios much less. Each figure is the median of
// pairs that alternate between ours and the reference, after one to warm up.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	docs := flag.String("docs", "docs", "folder for bench.md and bench.svg")
	program := flag.String("program", "bin/pcloud-apply", "what is measured")
	reference := flag.String("reference", "bin/bench-bare", "what it is measured against")
	only := flag.String("case", "", "only this one, printed and not written: lag, consolidate, running, stopped, plans, strangers or builds")
	flag.Parse()
	if err := run(*docs, *program, *reference, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(docs, program, reference, only string) (err error) {
	b, err := start(program, reference)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	for _, c := range []struct {
		name    string
		measure func() error
	}{
		{"lag", b.lag}, {"consolidate", b.consolidations}, {"running", b.running}, {"stopped", b.stopped},
		{"plans", b.plans}, {"strangers", b.strangers}, {"builds", b.builds},
	} {
		if only == "" || only == c.name {
			if err := c.measure(); err != nil {
				return err
			}
		}
	}
	if only != "" {
		return nil
	}
	return b.write(docs)
}
