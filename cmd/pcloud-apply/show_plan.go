package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"pcloud-apply/plan"
)

// line is one object of a printed plan or report.
type line struct {
	symbol string
	kind   string
	name   string
	text   string
	detail string
}

var symbolColors = map[string]text.Color{
	"+": text.FgGreen, "~": text.FgYellow, "±": text.FgMagenta, "-": text.FgRed, "!": text.FgHiRed, " ": text.Reset,
}

// showPlan prints one line for each object with its reason, and a summary.
func (t *terminal) showPlan(s *session, p plan.Plan) error {
	if s.options.output == "json" {
		return t.json(planView(p))
	}
	var lines []line
	lines = append(lines, s.actionLines(p.Actions)...)
	lines = append(lines, s.refusalLines(p.Refused)...)
	for _, n := range p.Notes {
		lines = append(lines, line{symbol: " ", kind: string(n.Kind), name: s.label(n.Host, n.Name), text: n.Text})
	}
	if err := t.lines(lines); err != nil {
		return err
	}
	return t.printf("%s%s\n", gap(lines), s.summary(p))
}

// showRefused is for a run that is not begun; its plan has been shown as text.
func (s *session) showRefused(t *terminal, p plan.Plan, err error) error {
	if s.options.output == "json" {
		return errors.Join(t.json(planView(p)), err)
	}
	return err
}

// gap sets the summary apart from what stands above it.
func gap(lines []line) string {
	if len(lines) == 0 {
		return ""
	}
	return "\n"
}

// actionLines has one line for a spawn that is destroyed and made anew.
func (s *session) actionLines(actions []plan.Action) []line {
	var lines []line
	replaced := replacedSpawns(actions)
	for _, a := range actions {
		l := line{symbol: a.Verb.Symbol(), kind: string(a.Kind()), name: s.label(a.Host, a.Name()), text: a.Reason, detail: describe(a)}
		switch why, again := replaced[spawnOf(a)]; {
		case again && a.Verb == plan.Destroy:
			continue
		case again && a.Verb == plan.Create:
			l.symbol, l.text = "±", why
		}
		lines = append(lines, l)
	}
	return lines
}

// spawnOf names the spawn of an action with its host; "" is for other objects.
func spawnOf(a plan.Action) string {
	if a.Spawn == nil {
		return ""
	}
	return a.Host + "/" + a.Spawn.Name
}

// replacedSpawns are those that are made anew where they were, with the reason
// of their end.
func replacedSpawns(actions []plan.Action) map[string]string {
	made, replaced := map[string]bool{}, map[string]string{}
	for _, a := range actions {
		made[spawnOf(a)] = made[spawnOf(a)] || a.Verb == plan.Create
	}
	for _, a := range actions {
		if name := spawnOf(a); name != "" && a.Verb == plan.Destroy && made[name] {
			replaced[name] = a.Reason
		}
	}
	return replaced
}

// describe says of a new spawn what it will be.
func describe(a plan.Action) string {
	if a.Verb != plan.Create {
		return ""
	}
	spawn := a.Spawn
	parts := []string{spawn.Image, count(spawn.VCPUs, "vcpu"), plan.Bytes(spawn.Memory)}
	for _, disk := range spawn.Disks {
		parts = append(parts, fmt.Sprintf("disk %s %s", disk.Name, plan.Bytes(disk.Size)))
	}
	for _, nic := range spawn.NICs {
		parts = append(parts, nic.Network+nic.Bridge)
	}
	if !a.Start {
		parts = append(parts, "stopped")
	}
	return strings.Join(parts, ", ")
}

func (s *session) refusalLines(refused []plan.Refusal) []line {
	var lines []line
	for _, r := range refused {
		kind, name := string(r.Kind), s.label(r.Host, r.Name)
		switch {
		case r.Whole:
			kind, name = "plan", s.inventory.Name
		case r.Kind == "":
			kind, name = "host", r.Host
		}
		lines = append(lines, line{symbol: "!", kind: kind, name: name, text: r.Reason})
	}
	return lines
}

// label names an object, with its host where there are several.
func (s *session) label(host, name string) string {
	if len(s.inventory.Hosts) == 1 {
		return name
	}
	return host + "/" + name
}

// lines prints aligned lines. On a terminal, long texts go on below themselves.
func (t *terminal) lines(lines []line) error {
	kind, name := 5, 0
	for _, l := range lines {
		kind, name = max(kind, len(l.kind)), max(name, len(l.name))
	}
	for _, l := range lines {
		head := fmt.Sprintf("%s %-*s %-*s  ", l.symbol, kind, l.kind, min(name, 30), l.name)
		if err := t.printf("%s\n", t.format(l, head)); err != nil {
			return err
		}
	}
	return nil
}

func (t *terminal) format(l line, head string) string {
	body := l.text
	if l.detail != "" {
		body += ": " + l.detail
	}
	color := symbolColors[l.symbol]
	if room := t.width() - len(head); room >= 20 {
		body = strings.ReplaceAll(text.WrapSoft(body, room), "\n", "\n"+strings.Repeat(" ", len(head)))
		body = trimLines(body)
	}
	return color.Sprint(head) + body
}

// trimLines drops the blanks that wrapping leaves at the ends of lines.
func trimLines(body string) string {
	parts := strings.Split(body, "\n")
	for i := range parts {
		parts[i] = strings.TrimRight(parts[i], " ")
	}
	return strings.Join(parts, "\n")
}

// summary is the last line of a plan.
func (s *session) summary(p plan.Plan) string {
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	tally, again := tally(p.Actions), len(replacedSpawns(p.Actions))
	add(tally[plan.Build], "to build")
	add(tally[plan.Create]-again, "to spawn")
	add(again, "to respawn")
	add(tally[plan.Update], "to update")
	add(tally[plan.Destroy]-again, "to destroy")
	add(len(p.Refused), "refused")
	switch {
	case len(parts) == 0:
		return fmt.Sprintf("Nothing to do: %s of %s as declared.", count(len(s.desired.Spawns), "spawn"), s.inventory.Name)
	case len(p.Whole()) > 0:
		return "Plan: " + strings.Join(parts, ", ") + ". Refused as a whole: nothing will be done."
	}
	return "Plan: " + strings.Join(parts, ", ") + "."
}

func tally(actions []plan.Action) map[plan.Verb]int {
	counts := map[plan.Verb]int{}
	for _, a := range actions {
		counts[a.Verb]++
	}
	return counts
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
