package pooldir

import (
	"context"
	"errors"
	"testing"
)

func TestAnImageThatDoesNotBootIsNotPublished(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	g.Canary = true
	before := world(t, f)
	f.Boot = func(_ context.Context, c Canary) error {
		run(t, "qemu-img", "check", "-f", "qcow2", f.path(c.Disk))
		for _, name := range []string{c.Seed, c.Console} {
			if _, err := f.stat(name); err != nil || !f.isTemp(name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		return errors.New("it does not boot")
	}
	refused(t, "boot", f.Publish(t.Context(), g, Making{}, quiet), "boot: it does not boot")
	if after := world(t, f); after != before {
		t.Errorf("it left:\n%s", after)
	}
}

func TestAnImageThatBootsIsPublishedAsItWas(t *testing.T) {
	f, g := folder(t), generation(t, hash12)
	g.Canary = true
	asked := 0
	f.Boot = func(context.Context, Canary) error {
		asked++
		return nil
	}
	publish(t, f, g)
	sound(t, f, g)
	publish(t, f, g) // it is there: nothing is booted again
	if asked != 1 {
		t.Errorf("booted %d times", asked)
	}
}
