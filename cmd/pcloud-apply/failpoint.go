//go:build !failpoint

package main

import "pcloud-apply/apply"

// failpoint does nothing in a build that is not for tests.
func failpoint(apply.Event) {}
