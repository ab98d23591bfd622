//go:build failpoint

package main

import (
	"os"
	"strconv"
	"sync/atomic"
	"syscall"

	"pcloud-apply/apply"
)

var steps atomic.Int64

// failpoint kills the program before its n-th step, n from the environment.
// It is compiled into the kill tests' own build only.
func failpoint(e apply.Event) {
	n, err := strconv.ParseInt(os.Getenv("PCLOUD_APPLY_KILL_BEFORE_STEP"), 10, 64)
	final := e.Status == apply.Succeeded || e.Status == apply.Failed
	if err != nil || (e.Status != apply.Stepped && !final) || steps.Add(1) != n {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal may be on its way
}
