package apply

import "testing"

func TestStepsBelongToStages(t *testing.T) {
	var w stopwatch
	for _, step := range []string{"publish", "download", "download 7 %", "download 100 %", "prepare", "prepare: clean up", "boot", "prepare: again"} {
		w.step(step)
	}
	w.stop()
	var names string
	for _, stage := range w.stages {
		names += stage.Name + "."
		if stage.Elapsed <= 0 {
			t.Errorf("%+v", stage)
		}
	}
	if names != "publish.download.prepare.boot.prepare." {
		t.Error(names)
	}
}
