package apply

import (
	"strings"
	"time"
)

// Stage is a part of an action: the steps that begin with the same words before
// a colon or a percentage.
type Stage struct {
	Name    string
	Elapsed time.Duration
}

// stopwatch measures the stages of one action.
type stopwatch struct {
	stages []Stage
	begun  time.Time // of the last stage
}

func (w *stopwatch) step(step string) {
	name := stageOf(step)
	if last := len(w.stages) - 1; last >= 0 && w.stages[last].Name == name {
		return
	}
	w.stop()
	w.stages, w.begun = append(w.stages, Stage{Name: name}), time.Now()
}

// stop ends the last stage.
func (w *stopwatch) stop() {
	if last := len(w.stages) - 1; last >= 0 {
		w.stages[last].Elapsed = time.Since(w.begun)
	}
}

// stageOf is "download" of "download 43 %", and "prepare" of "prepare: clean up".
func stageOf(step string) string {
	name, _, _ := strings.Cut(step, ": ")
	if rest, is := strings.CutSuffix(name, " %"); is {
		name = strings.TrimRight(strings.TrimRight(rest, "0123456789"), " ")
	}
	return name
}
