package mmdebstrap

import (
	"cmp"
	"fmt"
	"regexp"
)

// Config says what is bootstrapped. The zero value of all but Suite is good.
type Config struct {
	Suite string // code name, like "bookworm"
	// Mirror is an http or https URL without a login; the image gets exactly
	// the suite from it. "" = where this machine's own apt has the same
	// distribution from, as of its last update, else the distribution's main
	// mirror; both with the updates and the security updates of the suite.
	Mirror     string
	Components []string // nil = what the default packages need: main; for Ubuntu universe too
	Keyring    string   // file, which the image gets too; "" = the distribution's keyring package on this machine
	Packages   []string // beside the ones that make the image boot
	Disk       int64    // bytes of the disk, whole MiB; 0 = DefaultDisk
}

// Sizes of the disk.
const (
	DefaultDisk = 4 << 30
	MinDisk     = 1 << 30
)

// What reaches a tool has such a form: nothing that it could take for an
// option, a list, a pattern or another line. A name with a "-" at its end would
// be a package to remove.
var (
	mirrorForm    = regexp.MustCompile(`^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~+%-]+)*/?$`)
	componentForm = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	keyringForm   = regexp.MustCompile(`^(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+\.(gpg|pgp|asc)$`)
	packageForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$`)
)

// check refuses what no tool should see. The suite is looked up elsewhere.
func (c Config) check() error {
	for _, field := range []struct {
		name   string
		form   *regexp.Regexp
		values []string
	}{
		{"mirror", mirrorForm, given(c.Mirror)},
		{"component", componentForm, c.Components},
		{"keyring", keyringForm, given(c.Keyring)},
		{"package", packageForm, c.Packages},
	} {
		for _, value := range field.values {
			if !field.form.MatchString(value) {
				return fmt.Errorf("%q is no valid %s", value, field.name)
			}
		}
	}
	return checkSize(c.disk())
}

func given(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

func (c Config) disk() int64 { return cmp.Or(c.Disk, DefaultDisk) }

func checkSize(size int64) error {
	if size < MinDisk || size%mebibyte != 0 {
		return fmt.Errorf("a disk of %d bytes: it takes whole MiB, %d at least", size, MinDisk/mebibyte)
	}
	return nil
}
