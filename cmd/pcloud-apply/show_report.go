package main

import (
	"fmt"
	"strings"
	"time"

	"pcloud-apply/apply"
	"pcloud-apply/plan"
)

// showBefore prints what is to be seen before a run: the plan where somebody
// looks, elsewhere only what is refused.
func (s *session) showBefore(t *terminal, p plan.Plan) error {
	switch {
	case s.options.output == "json":
		return nil
	case t.width() > 0 || s.options.verbose:
		return t.showPlan(s, p)
	}
	return t.lines(s.refusalLines(p.Refused))
}

// showReport prints what was not begun, and a summary. What failed is the
// error of the run and goes to stderr.
func (s *session) showReport(t *terminal, p plan.Plan, report *apply.Report) error {
	if s.options.output == "json" {
		return t.json(reportView(p, report))
	}
	if len(report.Results) == 0 {
		return nil
	}
	var lines []line
	for _, result := range report.Results {
		if result.Status == apply.Skipped {
			lines = append(lines, s.skippedLine(result))
		}
	}
	if err := t.lines(lines); err != nil {
		return err
	}
	return t.printf("%s\n", doneText(report))
}

func (s *session) skippedLine(result apply.Result) line {
	a := result.Action
	return line{
		symbol: "!", kind: string(a.Kind()), name: s.label(a.Host, a.Name()),
		text: fmt.Sprintf("%s not begun: %v", a.Verb, result.Err),
	}
}

func doneText(report *apply.Report) string {
	done, failed, skipped := map[plan.Verb]int{}, 0, 0
	for _, result := range report.Results {
		switch result.Status {
		case apply.Succeeded:
			done[result.Action.Verb]++
		case apply.Failed:
			failed++
		default:
			skipped++
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(done[plan.Build], "built")
	add(done[plan.Create], "spawned")
	add(done[plan.Update], "updated")
	add(done[plan.Destroy], "destroyed")
	add(failed, "failed")
	add(skipped, "skipped")
	return fmt.Sprintf("Applied in %s: %s.", seconds(report.Elapsed), strings.Join(parts, ", "))
}

func seconds(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
