package distro

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestTheDocsListEveryProfile and say which of them no test boots.
func TestTheDocsListEveryProfile(t *testing.T) {
	docs, err := os.ReadFile("../../docs/distributions.md")
	if err != nil {
		t.Fatal(err)
	}
	table := ""
	for _, name := range Names() {
		p, _ := Find(name)
		state := "untested"
		if p.Tested {
			state = "its installer is started by a test"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %d GiB | %s |\n", p.Name, p.Location, p.Answers.Kind, p.Memory>>30, state)
	}
	if !strings.Contains(string(docs), "|---|---|---|---|---|\n"+table+"\n") {
		t.Errorf("docs/distributions.md wants this table:\n%s", table)
	}
}
