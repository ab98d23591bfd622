package main

import (
	"errors"
	"testing"

	"pcloud-apply/inventory"
	"pcloud-apply/plan"
)

// TestMissingToolsAreToldBeforeABuild and only those that the image needs.
func TestMissingToolsAreToldBeforeABuild(t *testing.T) {
	before := builderTools
	t.Cleanup(func() { builderTools = before })
	builderTools = append(builderTools[:0:0], before...)
	missing := errors.New("not installed")
	for i := range builderTools {
		builderTools[i].find = func() (string, error) { return "", missing }
	}
	for name, c := range map[string]struct {
		g    plan.Generation
		want bool
	}{
		"a source":  {plan.Generation{}, false},
		"bootstrap": {plan.Generation{Bootstrap: &inventory.Bootstrap{}}, true},
		"install":   {plan.Generation{Install: &inventory.Install{}}, true},
		"prepare":   {plan.Generation{Prepare: &inventory.Prepare{}}, true},
	} {
		if err := findTools(c.g); errors.Is(err, missing) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	step := func(step string) { t.Errorf("it began to %s", step) }
	if err := (images{}).Publish(t.Context(), plan.Generation{Install: &inventory.Install{}}, step); !errors.Is(err, missing) {
		t.Errorf("%v", err)
	}
}
