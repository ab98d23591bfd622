// Command bench measures pcloud-apply against the same work done bare: the
// same libvirt calls and file writes by a reference without any of our logic, on
// the same private libvirtd in the same run. It prints a table and a plot.
//
// Times depend on the machine, ratios much less. Each figure is the median of
// pairs that alternate between ours and the reference.
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
	large := flag.Int("large", 1000, "domains of the largest plan")
	flag.Parse()
	if err := run(*docs, *program, *large); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(docs, program string, large int) (err error) {
	b, err := start(program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	for _, measure := range []func() error{
		b.lag, b.consolidations, b.running, b.stopped,
		func() error { return b.plans(10) }, func() error { return b.plans(100) }, func() error { return b.plans(large) },
		b.strangers,
	} {
		if err := measure(); err != nil {
			return err
		}
	}
	return b.write(docs)
}
