package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// procedures are numbers of libvirt's remote_protocol.x.
var procedures = map[string]string{
	"1": "open", "2": "close", "14": "domain XML", "66": "authentication list", "60": "feature",
	"84": "pool by name", "88": "pool XML", "154": "pool active", "273": "list domains",
}

var sent = regexp.MustCompile(`RPC_CLIENT_MSG_TX_QUEUE:.* proc=(\d+) type=0 `)

// calls counts the calls that a run of the program sends to libvirt, by name.
func (w *world) calls(args ...string) map[string]int {
	w.Helper()
	log := w.path("rpc.log")
	r := w.runWith([]string{"LIBVIRT_LOG_FILTERS=1:rpc", "LIBVIRT_LOG_OUTPUTS=1:file:" + log}, program, args...)
	if r.code != 0 {
		w.Fatalf("exit code %d\n%s%s", r.code, r.out, r.err)
	}
	text, err := os.ReadFile(log)
	w.must(err)
	w.must(os.Remove(log))
	counts := map[string]int{}
	for _, match := range sent.FindAllStringSubmatch(string(text), -1) {
		name, ok := procedures[match[1]]
		if !ok {
			name = "procedure " + match[1]
		}
		counts[name]++
	}
	return counts
}

func TestAPlanWithNothingToDoCostsFewCalls(t *testing.T) {
	w := begin(t)
	w.inventory(tinyImage + "spawns: {web: {count: 3, state: stopped}}\n")
	w.converged()
	first := w.calls("plan")
	// Two lists, and a definition for each domain whose name looks like a
	// spawn's: three of ours and one of another's.
	want := map[string]int{"list domains": 2, "domain XML": 4, "pool by name": 1, "pool XML": 1, "pool active": 1}
	for name, n := range want {
		if first[name] != n {
			t.Errorf("%d calls of %s, want %d", first[name], name, n)
		}
	}
	for name := range first {
		if strings.HasPrefix(name, "procedure") {
			t.Errorf("a plan with nothing to do makes other calls: %v", first)
		}
	}

	w.inventory(tinyImage + "spawns: {web: {count: 6, state: stopped}}\n")
	w.converged()
	second := w.calls("plan")
	want = map[string]int{}
	for name, n := range first {
		want[name] = n
	}
	want["domain XML"] += 3
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("three more spawns cost more than three definitions:\n%s", diff)
	}
}
