// Package lab gives tests a real hypervisor: a private libvirtd in namespaces
// of its own, which touches nothing of the machine's. A lab has its own pool,
// networks, leases and guests; two labs are two hosts.
//
// Labs need root, libvirt's daemon, QEMU and dnsmasq, but no service manager
// and no KVM. The package knows nothing of pcloud-apply's own packages.
package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Lab is a private libvirtd with its networks and guests. Its methods may be
// called concurrently, except that only one goroutine may kill, start, freeze
// or thaw the daemon.
type Lab struct {
	dir   string
	init  *exec.Cmd // process 1 of the lab's namespaces
	alive *os.File  // init dies when this is closed, also by our own death
	close sync.Once
}

// New starts a lab in a new folder and takes both away when the test ends. It
// prints the libvirtd log of a test that failed.
func New(t testing.TB) *Lab {
	t.Helper()
	// QEMU's user must be able to reach the pool; t.TempDir is closed to it.
	dir, err := os.MkdirTemp("", "lab-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeFolder(t, dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := Start(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAfter(t, l) })
	return l
}

// Start makes a lab in dir, an existing folder that QEMU's user can reach, and
// returns when its libvirtd answers and has a dir pool "default" in dir/pool,
// a NAT network "default" and an isolated network "lab2", both with DHCP.
// The caller owns dir and has to Close the lab; after an error nothing runs.
func Start(dir string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	if err := makeFolders(dir); err != nil {
		return nil, fmt.Errorf("start lab: %w", err)
	}
	l := &Lab{dir: dir}
	for _, step := range []func() error{l.startInit, l.StartDaemon, l.defineObjects} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("start lab in %s: %w", dir, errors.Join(err, l.Close()))
		}
	}
	return l, nil
}

// URI is the libvirt connection URI of the lab; it works from outside the lab.
func (l *Lab) URI() string {
	return "qemu+unix:///system?socket=" + filepath.Join(l.dir, "run", "libvirt-sock")
}

// Pool is the folder of the pool "default", the same inside and outside.
func (l *Lab) Pool() string { return filepath.Join(l.dir, "pool") }

// Close ends everything that runs in the lab; its mounts and networks go with
// it. The folder given to Start stays as it is. Close is idempotent.
func (l *Lab) Close() error {
	var err error
	l.close.Do(func() { err = l.stopInit() })
	return err
}

func closeAfter(t testing.TB, l *Lab) {
	if t.Failed() {
		t.Logf("libvirtd log of %s:\n%s", l.dir, l.logTail())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// removeFolder lifts the immutable flag of files on its way: golden images in
// the pool carry it.
func removeFolder(t testing.TB, dir string) {
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		return makeMutable(path)
	})
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		t.Errorf("remove lab folder: %v", err)
	}
}
