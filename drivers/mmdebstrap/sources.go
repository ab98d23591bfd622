package mmdebstrap

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// sources gives the lines of apt's sources.list, or none when mmdebstrap has
// to take the main mirror of the distribution.
func (t Tool) sources(ctx context.Context, c Config, r release) ([]string, error) {
	if c.Mirror != "" {
		return []string{r.source(c, c.Mirror, r.suite)}, nil
	}
	var listed bytes.Buffer
	err := t.run(ctx, command{
		path:   t.Paths["apt-get"],
		args:   []string{"indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages"},
		output: &listed,
	})
	if err != nil {
		return nil, fmt.Errorf("ask for this machine's mirrors: %w", err)
	}
	return r.ownSources(c, listed.String()), nil
}

// ownSources turns what this machine's apt has, of any of its suites, into the
// same for the release.
func (r release) ownSources(c Config, listed string) []string {
	var found []string
	for line := range strings.Lines(listed) {
		fields := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(fields) < 3 || fields[2] != r.origin || !mirrorForm.MatchString(fields[0]) {
			continue
		}
		if suite, ok := r.pocket(fields[1]); ok {
			found = append(found, r.source(c, fields[0], suite))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// pocket gives the release's archive that corresponds to one of another suite.
// What only some want, like backports, has none.
func (r release) pocket(other string) (string, bool) {
	_, pocket, divided := strings.Cut(other, "-")
	switch {
	case !divided:
		return r.suite, true
	case r.updates && (pocket == "updates" || pocket == "security"):
		return r.suite + "-" + pocket, true
	default:
		return "", false
	}
}

func (r release) source(c Config, mirror, suite string) string {
	keyring := c.Keyring
	if keyring == "" {
		keyring = r.keyring
	}
	return fmt.Sprintf("deb [signed-by=%s] %s %s %s", keyring, mirror, suite, strings.Join(r.componentsOf(c), " "))
}

func (r release) componentsOf(c Config) []string {
	if c.Components != nil {
		return c.Components
	}
	return r.components
}
