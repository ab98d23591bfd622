package inventory

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// check validates what was decoded and fills what depends on more than one key.
func (l *loader) check(inv *Inventory) {
	if inv.Version != 1 {
		l.complain("version", "wants 1, the version of this format")
	}
	l.checkName("name", inv.Name, "the inventory's name")
	l.checkHosts(inv)
	if inv.Policy.MaxDestroy < 0 {
		l.complain("policy.max_destroy", "cannot be negative")
	}
	l.checkImages(inv)
	l.checkSpawns(inv)
}

// namePattern is the grammar of every name in an inventory. Names become parts
// of file names, domain names and host names.
var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,39}[a-z0-9])?$`)

func (l *loader) checkName(path, name, what string) {
	switch {
	case name == "":
		l.complain(path, "%s is missing", what)
	case !namePattern.MatchString(name):
		l.complain(path, "%q is no name: at most 41 of a-z, 0-9 and -, with a letter or digit at both ends", shorten(name))
	case name == "original" || name == "seed" || name == "golden" || strings.HasPrefix(name, "golden-"):
		l.complain(path, "the name %s is reserved", name)
	}
}

// checkForeignName is for names that libvirt or the kernel gave.
func (l *loader) checkForeignName(path, name string, most int) {
	if name == "" || len(name) > most || strings.HasPrefix(name, "-") || strings.ContainsAny(name, "/ \t\"'<>&") {
		l.complain(path, "%q cannot be a name there", shorten(name))
	}
}

// oneOf checks a value that is one of a few words.
func (l *loader) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		l.complain(path, "wants %s, got %q%s", strings.Join(words, ", "), shorten(value), l.didYouMean(value, slices.Values(words)))
	}
}

// reference checks that a name is one of those that are declared.
func reference[V any](l *loader, path, name, kind string, declared map[string]V) {
	if _, ok := declared[name]; ok || l.unread[kind+"s"] {
		return
	}
	if name == "" {
		l.complain(path, "is missing: the name of one of the %ss", kind)
		return
	}
	l.complain(path, "there is no %s %q%s", kind, shorten(name), l.didYouMean(name, maps.Keys(declared)))
}

func (l *loader) checkHosts(inv *Inventory) {
	if len(inv.Hosts) == 0 {
		inv.Hosts = map[string]Host{"local": {Pool: "default", Network: "default", Accelerator: "auto"}}
	}
	seen := map[string]string{}
	for _, name := range sortedKeys(inv.Hosts) {
		h, path := inv.Hosts[name], "hosts."+name
		l.checkName(path, name, "a host's name")
		l.checkForeignName(path+".pool", h.Pool, 200)
		l.checkForeignName(path+".network", h.Network, 200)
		l.oneOf(path+".accelerator", h.Accelerator, "auto", "kvm", "tcg")
		if other, ok := seen[h.URI]; ok {
			l.complain(path+".uri", "it is the same host as %s", other)
		}
		seen[h.URI] = name
	}
}

// sortedKeys makes faults, and everything else, come in one order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// exactlyOne names the keys of which one must stand, and complains otherwise.
func (l *loader) exactlyOne(path string, given map[string]bool) {
	var set []string
	for key, is := range given {
		if l.unread[join(path, key)] {
			return // it may be the one
		}
		if is {
			set = append(set, key)
		}
	}
	slices.Sort(set)
	switch {
	case len(set) == 0:
		l.complain(path, "wants one of %s", strings.Join(sortedKeys(given), ", "))
	case len(set) > 1:
		l.complain(path, "has %s; only one of them can be", strings.Join(set, " and "))
	}
}
