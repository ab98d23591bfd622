package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorldOfARunningGuestIsStable(t *testing.T) {
	l := newLab(t)
	bootTiny(t, l, "guest", "default")
	before := mustWorld(t, l)
	waitForLease(t, l, "default")
	if diff := before.Diff(mustWorld(t, l)); diff != "" {
		t.Errorf("the world of a guest that only boots has changed:\n%s", diff)
	}
}

func TestWorldShowsEveryChange(t *testing.T) {
	l := newLab(t)
	hidden := filepath.Join(l.Pool(), ".hidden")
	changes := []struct {
		name   string
		change func() error
		want   string
	}{
		{"file", func() error { return os.WriteFile(hidden, []byte("a"), 0o600) }, "+ file/.hidden\n"},
		{"contents", func() error { return os.WriteFile(hidden, []byte("b"), 0o600) }, "~ file/.hidden\n"},
		{"mode", func() error { return os.Chmod(hidden, 0o640) }, "    + mode -rw-r-----\n"},
		{"removal", func() error { return os.Remove(hidden) }, "- file/.hidden\n"},
		{"symbolic link", func() error { return os.Symlink("nowhere", hidden) }, "+ file/.hidden\n"},
		{"volume", virsh(l, "vol-create-as", "default", "v.qcow2", "1M"), "+ volume/default/v.qcow2\n"},
		{"network", virsh(l, "net-destroy", "lab2"), "~ network/lab2\n"},
		{"domain", func() error { define(t, l, "guest", "default"); return nil }, "+ domain/guest/inactive\n"},
		{"metadata", virsh(l, "desc", "guest", "--config", "mine"), "    +   <description>mine</description>\n"},
		{"pool", virsh(l, "pool-autostart", "default", "--disable"), "~ pool/default\n"},
	}
	before := mustWorld(t, l)
	for _, c := range changes {
		if err := c.change(); err != nil {
			t.Fatal(err)
		}
		after := mustWorld(t, l)
		if diff := before.Diff(after); !strings.Contains(diff, c.want) {
			t.Errorf("%s: the diff lacks %q:\n%s", c.name, c.want, diff)
		}
		before = after
	}
}

func TestWorldShowsTheQEMUOfAGuest(t *testing.T) {
	l := newLab(t)
	bootTiny(t, l, "guest", "default")
	running := mustWorld(t, l)
	mustVirsh(t, l, "destroy", "guest")
	if diff := running.Diff(mustWorld(t, l)); !strings.Contains(diff, "- process/qemu guest\n") {
		t.Errorf("the diff does not say that the QEMU is gone:\n%s", diff)
	}
}

func TestOnlyKeepsPartOfASnapshot(t *testing.T) {
	all := Snapshot{"file/mine": "1", "file/foreign": "2"}
	foreign := all.Only(func(name string) bool { return strings.HasSuffix(name, "foreign") })
	if diff := foreign.Diff(Snapshot{"file/foreign": "2"}); diff != "" {
		t.Errorf("diff %q, want none", diff)
	}
}

func virsh(l *Lab, args ...string) func() error {
	return func() error {
		_, err := l.Virsh(args...)
		return err
	}
}

func mustWorld(t *testing.T, l *Lab) Snapshot {
	t.Helper()
	world, err := World(l)
	if err != nil {
		t.Fatal(err)
	}
	return world
}
