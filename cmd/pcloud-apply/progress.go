package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"pcloud-apply/apply"
	"pcloud-apply/plan"
)

// shower shows a run's events while it runs.
type shower interface {
	event(apply.Event) // one at a time
	end()
}

// progress is live on a terminal, lines elsewhere, and silent for JSON.
func (s *session) progress(t *terminal, p plan.Plan) shower {
	switch {
	case s.options.output == "json":
		return silent{}
	case t.width() > 0 && len(p.Actions) > 0 && !s.options.verbose:
		return newLive(s, t)
	}
	return &lineShower{s, t}
}

type silent struct{}

func (silent) event(apply.Event) {}
func (silent) end()              {}

// lineShower prints a line when an action has succeeded, and with --verbose one
// for each step. Failures stand in the report.
type lineShower struct {
	session  *session
	terminal *terminal
}

func (l *lineShower) event(e apply.Event) {
	name := l.session.label(e.Action.Host, e.Action.Name())
	var err error
	switch {
	case e.Status == apply.Stepped && l.session.options.verbose:
		err = l.terminal.printf("  %s %s: %s\n", e.Action.Kind(), name, e.Step)
	case e.Status == apply.Succeeded:
		err = l.terminal.printf("%s\n", success(e, name))
	}
	if err != nil {
		l.terminal.warn("write progress: %v", err)
	}
}

func (*lineShower) end() {}

func success(e apply.Event, name string) string {
	reason := e.Action.Reason
	if e.Detail != "" {
		reason += ", " + e.Detail
	}
	return fmt.Sprintf("%s %s %s: %s (%s)", e.Action.Verb.Symbol(), e.Action.Kind(), name, reason, timeText(e))
}

func timeText(e apply.Event) string {
	if stages := stagesText(e); stages != "" {
		return seconds(e.Elapsed) + ": " + stages
	}
	return seconds(e.Elapsed)
}

// stagesText has those stages of a build that took a second or more.
func stagesText(e apply.Event) string {
	var parts []string
	for _, stage := range e.Stages {
		if e.Action.Verb == plan.Build && stage.Elapsed >= time.Second {
			parts = append(parts, stage.Name+" "+seconds(stage.Elapsed))
		}
	}
	return strings.Join(parts, ", ")
}

// live draws a line for each running action, with the step it is at.
type live struct {
	session  *session
	writer   progress.Writer
	trackers map[int]*progress.Tracker
	drawn    chan struct{}
}

func newLive(s *session, t *terminal) *live {
	writer := progress.NewWriter()
	writer.SetOutputWriter(t.out)
	writer.SetUpdateFrequency(100 * time.Millisecond)
	writer.SetMessageLength(max(t.width()-20, 20))
	writer.SetStyle(progress.StyleDefault)
	writer.Style().Visibility = progress.StyleVisibility{Time: true}
	writer.Style().Options.Separator, writer.Style().Options.DoneString, writer.Style().Options.ErrorString = "", "", ""
	writer.SetTrackerPosition(progress.PositionRight)
	writer.Style().Options.TimeDonePrecision = 100 * time.Millisecond
	writer.Style().Options.TimeInProgressPrecision = 100 * time.Millisecond
	writer.SetTrackerLength(1)
	l := &live{session: s, writer: writer, trackers: map[int]*progress.Tracker{}, drawn: make(chan struct{})}
	go func() {
		defer close(l.drawn)
		writer.Render()
	}()
	return l
}

func (l *live) event(e apply.Event) {
	name := l.session.label(e.Action.Host, e.Action.Name())
	symbol := e.Action.Verb.Symbol()
	head := symbolColors[symbol].Sprintf("%s %-5s %s", symbol, e.Action.Kind(), name)
	tracker := l.trackers[e.Index]
	switch e.Status {
	case apply.Started:
		tracker = &progress.Tracker{Message: head}
		l.trackers[e.Index] = tracker
		l.writer.AppendTracker(tracker)
	case apply.Stepped:
		tracker.UpdateMessage(head + "  " + e.Step)
	case apply.Succeeded:
		tracker.UpdateMessage(head + "  " + e.Detail + stagesText(e))
		tracker.MarkAsDone()
	case apply.Failed:
		tracker.UpdateMessage(symbolColors["!"].Sprintf("! %-5s %s  failed", e.Action.Kind(), name))
		tracker.MarkAsErrored()
	}
}

// end draws the last state and gives the terminal back.
func (l *live) end() {
	l.writer.Stop()
	<-l.drawn
}
