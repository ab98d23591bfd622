package distro

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// syntax is what a command of a kickstart may have.
type syntax struct {
	flags, options []string // options have values
	arguments      int
}

// commands are those used here. They and their options are the same in
// pykickstart's handlers from RHEL 7 to Fedora 44.
var commands = map[string]syntax{
	"url":        {options: []string{"url"}},
	"repo":       {options: []string{"name", "baseurl"}},
	"text":       {},
	"lang":       {arguments: 1},
	"keyboard":   {options: []string{"vckeymap"}},
	"timezone":   {flags: []string{"utc"}, arguments: 1},
	"network":    {flags: []string{"activate"}, options: []string{"bootproto", "device"}},
	"rootpw":     {flags: []string{"lock"}},
	"firstboot":  {flags: []string{"disable"}},
	"ignoredisk": {options: []string{"only-use"}},
	"zerombr":    {},
	"clearpart":  {flags: []string{"all", "initlabel"}, options: []string{"drives"}},
	"reqpart":    {},
	"part":       {flags: []string{"grow"}, options: []string{"fstype", "size", "ondisk"}, arguments: 1},
	"bootloader": {options: []string{"boot-drive", "timeout", "append"}},
	"poweroff":   {},
}

var (
	section  = regexp.MustCompile(`(?ms)^(%[a-z].*?)\n(.*?)^%end$`)
	packages = regexp.MustCompile(`^(@?[a-z0-9-]+\n)+$`)
	field    = regexp.MustCompile(`[^ "]*"[^"]*"|[^ "]+`)
	option   = regexp.MustCompile(`^--([a-z-]+)(=.+)?$`)
)

func (s syntax) allows(text string) bool {
	parts := option.FindStringSubmatch(text)
	if parts == nil {
		return false
	}
	if parts[2] == "" {
		return slices.Contains(s.flags, parts[1])
	}
	return slices.Contains(s.options, parts[1])
}

// parsed is what a kickstart has: how often each command, and its scripts.
type parsed struct {
	uses    map[string]int
	scripts []string
}

func parseKickstart(text string) (parsed, error) {
	all := parsed{uses: map[string]int{}}
	for _, s := range section.FindAllStringSubmatch(text, -1) {
		if err := all.section(s[1], s[2]); err != nil {
			return all, err
		}
	}
	for _, line := range strings.Split(section.ReplaceAllString(text, ""), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := all.command(line); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (p *parsed) section(head, body string) error {
	switch head {
	case "%packages":
		p.uses[head]++
		if !packages.MatchString(body) {
			return fmt.Errorf("%q are no packages", body)
		}
		return nil
	case "%post --erroronfail":
		p.uses["%post"]++
		p.scripts = append(p.scripts, body)
		return nil
	}
	return fmt.Errorf("unknown section %q", head)
}

func (p *parsed) command(line string) error {
	fields := field.FindAllString(line, -1)
	if strings.Join(fields, " ") != line {
		return fmt.Errorf("%q has other than single blanks or open quotes", line)
	}
	form, known := commands[fields[0]]
	if !known {
		return fmt.Errorf("unknown command %q", fields[0])
	}
	p.uses[fields[0]]++
	arguments := 0
	for _, f := range fields[1:] {
		if !strings.HasPrefix(f, "--") {
			arguments++
		} else if !form.allows(f) {
			return fmt.Errorf("%s has a wrong %s", fields[0], f)
		}
	}
	if arguments != form.arguments {
		return fmt.Errorf("%s has %d arguments", fields[0], arguments)
	}
	return nil
}

func TestEveryKickstartIsWellFormedAndHasEachCommandOnce(t *testing.T) {
	for _, p := range profilesOf(t, Kickstart) {
		have, err := parseKickstart(string(p.Answers.Content))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for name := range commands {
			if uses := have.uses[name]; uses != 1 && name != "repo" {
				t.Errorf("%s has %s %d times", p.Name, name, uses)
			}
		}
		if have.uses["%packages"] != 1 || have.uses["%post"] == 0 {
			t.Errorf("%s has the sections %v", p.Name, have.uses)
		}
		for _, script := range have.scripts {
			checkShell(t, p.Name, "bash", script)
		}
	}
}

func TestTheParserRefusesWhatAnacondaWould(t *testing.T) {
	for _, bad := range []string{
		"frobnicate", "text --loud", "lang", "lang a b", "rootpw secret", "zerombr yes", "timezone --utc=1 UTC", "part / --size",
		"%packages\n@core", "%packages\ntwo words\n%end", "%pre\n%end", "%end", "bootloader --append=\"open",
	} {
		if _, err := parseKickstart(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
