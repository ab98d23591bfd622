package guestfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// The tool takes packages as one list with commas, and no name may be an option
// of a package manager: apt takes one that ends with a minus for a removal.
var (
	packageName = regexp.MustCompile(`^[A-Za-z0-9@]([A-Za-z0-9@+._:=~-]*[A-Za-z0-9@+._:=~])?$`)
	zoneName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*$`)
	ownerName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$`)
)

// check refuses what the tool, or a shell in the image, could take for
// something else than what it is meant to be.
func (c Config) check() error {
	var faults []error
	for _, name := range c.Packages {
		faults = append(faults, match(packageName, name, "a package's name"))
	}
	for _, file := range c.Files {
		faults = append(faults, file.check())
	}
	faults = append(faults, checkKeys(c.RootKeys), checkCommands(c.Commands))
	if c.Timezone != "" {
		faults = append(faults, match(zoneName, c.Timezone, "a time zone"))
	}
	if c.Memory < 0 {
		faults = append(faults, fmt.Errorf("the appliance cannot have %d bytes of memory", c.Memory))
	}
	return errors.Join(faults...)
}

func match(pattern *regexp.Regexp, value, what string) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%q is not %s", value, what)
	}
	return nil
}

func (f File) check() error {
	if f.To == "/" || filepath.Clean(f.To) != f.To || absolute(f.To) != nil || strings.ContainsFunc(f.To, unicode.IsControl) {
		return fmt.Errorf("%q is no clean absolute path of a file in an image", f.To)
	}
	if f.Mode&^os.ModePerm != 0 {
		return fmt.Errorf("%s: the mode %v has more than permissions", f.To, f.Mode)
	}
	if f.Owner == "" {
		return nil
	}
	return match(ownerName, f.Owner, "an owner")
}

// checkKeys has no key in its errors: some have options that are secret.
func checkKeys(keys []string) error {
	for i, key := range keys {
		if strings.TrimSpace(key) == "" || strings.ContainsFunc(key, unicode.IsControl) {
			return fmt.Errorf("root's key %d is not one line", i+1)
		}
	}
	return nil
}

func checkCommands(commands []string) error {
	for i, command := range commands {
		if strings.TrimSpace(command) == "" || strings.ContainsRune(command, 0) {
			return fmt.Errorf("command %d is empty or no text", i+1)
		}
	}
	return nil
}

func absolute(name string) error {
	if !filepath.IsAbs(name) {
		return fmt.Errorf("%q is not an absolute path", name)
	}
	return nil
}
