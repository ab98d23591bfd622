package guestfs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestArgumentsNameOnlyFilesOfTheFolder(t *testing.T) {
	work := t.TempDir()
	args, err := lay(everything(), work)
	must(t, err)
	want := strings.Split("--operations|"+operations+"|--format|qcow2|-a|/tmp/disk|--network|--install|openssh-server,g++|"+
		"--run|folders|--upload|file-1:/srv/my app/it's $HOME|--upload|file-2:/etc/plain:x|--upload|file-3:/tmp/helper|--run|owners|"+
		"--ssh-inject|root:file:keys|--timezone|Europe/Berlin|--run|command-1|--run|command-2|"+
		"--run|boot|--run|clean|--selinux-relabel", "|")
	if !slices.Equal(args, want) {
		t.Errorf("%q", args)
	}
	entries, err := os.ReadDir(work)
	must(t, err)
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s has the mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
}

func TestWithNothingToDoThereIsNoNetwork(t *testing.T) {
	args, err := lay(Config{Timezone: "UTC", RootKeys: []string{"key"}, Files: []File{{To: "/x"}}}, t.TempDir())
	if err != nil || !slices.Contains(args, "--no-network") || slices.Contains(args, "--network") {
		t.Errorf("%q, %v", args, err)
	}
	args, err = lay(Config{}, t.TempDir())
	if err != nil || !slices.Equal(args[6:], []string{"--no-network", "--run", "boot", "--run", "clean", "--selinux-relabel"}) {
		t.Errorf("%q, %v", args, err)
	}
}

func TestFilesThatAreThereAreNotFollowed(t *testing.T) {
	work, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	must(t, os.Symlink(target, filepath.Join(work, "file-1")))
	_, err := lay(Config{Files: []File{{To: "/x"}}}, work)
	if _, statErr := os.Stat(target); err == nil || !os.IsNotExist(statErr) {
		t.Errorf("%v, %v", err, statErr)
	}
}

func TestScriptsQuoteNamesAndGiveOwners(t *testing.T) {
	work := t.TempDir()
	_, err := lay(Config{Files: []File{{To: `/a'; touch x; '`, Owner: "me", Mode: 0o4}, {To: "/b", Owner: "me:adm"}}}, work)
	must(t, err)
	owners, err := os.ReadFile(filepath.Join(work, ownersScript))
	want := "set -e\nchown me: '/a'\\''; touch x; '\\'''\nchmod 0004 '/a'\\''; touch x; '\\'''\nchown me:adm '/b'\nchmod 0644 '/b'\n"
	if err != nil || string(owners) != want {
		t.Errorf("%s, %v", owners, err)
	}
}

func TestTheEnvironmentFollowsTheConfig(t *testing.T) {
	emulated, fast := environment(Config{Memory: 1<<30 + 1}), environment(Config{KVM: true})
	if !slices.Contains(emulated, "LIBGUESTFS_BACKEND_SETTINGS=force_tcg") || !slices.Contains(emulated, "LIBGUESTFS_MEMSIZE=1025") {
		t.Errorf("%q", emulated)
	}
	if strings.Contains(strings.Join(fast, " "), "SETTINGS") || strings.Contains(strings.Join(fast, " "), "MEMSIZE") {
		t.Errorf("%q", fast)
	}
}

// The scripts of the image know no other shell than sh.
func TestScriptsAreOfThisShell(t *testing.T) {
	for name, text := range map[string]string{bootScript: boot, cleanScript: clean} {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte(text), fs.FileMode(0o600)))
		output(t, "/bin/busybox", "sh", "-n", path)
		if len(text) > 64<<10 {
			t.Errorf("%s has %d bytes, too many for one argument", name, len(text))
		}
	}
}
