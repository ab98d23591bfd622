package mmdebstrap

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWhatToolsMayTakeForSomethingElseIsRefused(t *testing.T) {
	bad := map[string]Config{
		"mirror":    {Mirror: "http://h/debian x main\ndeb http://evil/"},
		"a login":   {Mirror: "http://user:secret@h/debian"},
		"a file":    {Mirror: "/etc/passwd"},
		"an option": {Mirror: "--setup-hook=id"},
		"component": {Components: []string{"main", "-x"}},
		"two":       {Components: []string{"main contrib"}},
		"keyring":   {Keyring: "keys.gpg"},
		"above":     {Keyring: "/a/../keys.gpg"},
		"bracket":   {Keyring: "/a] http://evil/ .gpg"},
		"no keys":   {Keyring: "/etc/shadow"},
		"package":   {Packages: []string{"vim", "--x"}},
		"list":      {Packages: []string{"vim,nano"}},
		"pattern":   {Packages: []string{"?essential"}},
		"version":   {Packages: []string{"vim=1"}},
		"path":      {Packages: []string{"./x.deb"}},
		"removal":   {Packages: []string{"vim-"}},
		"line":      {Packages: []string{"vim\n"}},
		"empty":     {Packages: []string{""}},
		"small":     {Disk: MinDisk - mebibyte},
		"odd":       {Disk: MinDisk + 512},
		"negative":  {Disk: -MinDisk},
	}
	for name, c := range bad {
		if err := c.check(); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestWhatIsUsualIsAccepted(t *testing.T) {
	for _, c := range []Config{
		{},
		{Mirror: "http://[::1]:3142/debian/", Components: []string{"main", "non-free-firmware"}},
		{Mirror: "https://mirror.example", Keyring: "/usr/share/keyrings/a_b-c.asc"},
		{Packages: []string{"g++", "libstdc++6", "linux-image-6.1.0-56-amd64"}, Disk: MinDisk},
	} {
		if err := c.check(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestSuitesAreSeriesOfTheirDistribution(t *testing.T) {
	folder := t.TempDir()
	head := "version,codename,series,created,release\n"
	if _, err := releaseOf("bookworm", folder); err == nil || !strings.Contains(err.Error(), "apt-get install distro-info-data") {
		t.Errorf("%v", err)
	}
	must(t, os.WriteFile(filepath.Join(folder, "debian.csv"), []byte(head+"12,Bookworm,bookworm,2021-08-14\n,Sid,sid,1993-08-16\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "ubuntu.csv"), []byte(head+"24.04 LTS,Noble Numbat,noble,2023-10-26\n"), 0o600))
	for suite, want := range map[string]struct {
		origin  string
		updates bool
	}{"bookworm": {"Debian", true}, "sid": {"Debian", false}, "noble": {"Ubuntu", true}} {
		if r, err := releaseOf(suite, folder); err != nil || r.origin != want.origin || r.updates != want.updates || r.suite != suite {
			t.Errorf("%s: %+v, %v", suite, r, err)
		}
	}
	for _, suite := range []string{"", "series", "stable", "Bookworm", "bookworm\n", "-v"} {
		if r, err := releaseOf(suite, folder); err == nil {
			t.Errorf("%q: %+v", suite, r)
		}
	}
}

func TestPackagesAreNamedOnce(t *testing.T) {
	all := distributions[1].packages([]string{"vim", "sudo"})
	for _, name := range []string{"vim", "sudo", "linux-image-virtual"} {
		if at := slices.Index(all, name); at < 0 || slices.Contains(all[at+1:], name) {
			t.Errorf("%s in %v", name, all)
		}
	}
}

const listed = `http://mirror/debian/ bookworm Debian
http://mirror/debian/ bookworm Debian
http://mirror/debian/ bookworm-updates Debian
http://security/debian-security/ bookworm-security Debian
http://mirror/debian/ bookworm-backports Debian Backports
http://mirror/debian/ bookworm-proposed-updates Debian
mirror+file:/etc/apt/mirrors/debian.list bookworm Debian
http://user:secret@mirror/debian/ bookworm Debian
https://vendor/debian/ bookworm $(ORIGIN)
https://vendor/debian/ bookworm Vendor Inc
`

func TestTheMachinesMirrorsServeTheSuite(t *testing.T) {
	r := release{distributions[0], "trixie", true}
	want := []string{
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian/ trixie main",
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror/debian/ trixie-updates main",
		"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://security/debian-security/ trixie-security main",
	}
	if got := r.ownSources(Config{}, listed); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	r = release{distributions[0], "sid", false}
	c := Config{Keyring: "/k.gpg", Components: []string{"main", "contrib"}}
	if got := r.ownSources(c, listed); !slices.Equal(got, []string{"deb [signed-by=/k.gpg] http://mirror/debian/ sid main contrib"}) {
		t.Errorf("%q", got)
	}
	if got := (release{distributions[1], "noble", true}).ownSources(Config{}, listed); got != nil {
		t.Errorf("%q", got)
	}
}

func TestAMirrorIsTheOnlySource(t *testing.T) {
	r := release{distributions[1], "noble", true}
	got, err := Tool{}.sources(t.Context(), Config{Mirror: "http://m/ubuntu", Keyring: "/k.gpg"}, r)
	if err != nil || !slices.Equal(got, []string{"deb [signed-by=/k.gpg] http://m/ubuntu noble main universe"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNamesOfSourcesComeBehindAllOptions(t *testing.T) {
	b := build{
		config:  Config{Packages: []string{"vim"}},
		release: release{distributions[0], "bookworm", true},
		keyring: "/k.gpg",
		work:    "/w",
	}
	args := b.bootstrapArgs([]string{"deb http://m/ bookworm main"})
	at := slices.Index(args, "--")
	if !slices.Equal(args[at+1:], []string{"bookworm", "/w/tree", "deb http://m/ bookworm main"}) {
		t.Errorf("%q", args)
	}
	include := slices.IndexFunc(args[:at], func(a string) bool { return strings.HasPrefix(a, "--include=") && strings.Contains(a, ",vim,") })
	if include < 0 || !slices.Contains(args[:at], "--keyring=/k.gpg") || !slices.Contains(args[:at], "--components=main") {
		t.Errorf("%q", args)
	}
}
