// Command pcloud-apply makes libvirt hosts agree with an inventory: a YAML file
// that declares golden images and the virtual machines spawned from them.
//
// This package has flags, wiring, printing and exit codes; what is decided is
// decided in package plan, and what is done is done in package apply.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes. They are part of the contract with cron jobs and scripts.
const (
	exitDone        = 0   // done, or nothing to do
	exitCannotStart = 1   // usage, inventory, connection, missing pool or network
	exitChanges     = 2   // plan --detailed-exitcode: there are changes
	exitFailed      = 3   // some actions failed or were skipped, or a wait ran out
	exitRefused     = 4   // policy, protection or damage forbids something
	exitLocked      = 5   // another run holds the lock
	exitInterrupted = 130 // by a signal
)

// exitError ends the program with a code. Without an error, everything to say
// has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: the arguments in, the exit code out. The first SIGINT,
// SIGTERM or SIGHUP ends it in order; a second one ends it at once.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot(&terminal{in: in, out: out, err: errOut})
	root.SetArgs(args)
	return exitCode(root.ExecuteContext(ctx), errOut)
}

func exitCode(err error, errOut io.Writer) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit) && exit.err == nil:
		return exit.code
	}
	// Where stderr is gone, the exit code still tells.
	_, _ = fmt.Fprintln(errOut, "pcloud-apply:", err)
	switch {
	case exit != nil:
		return exit.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitCannotStart
}
