package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/go-multierror"
)

// Fault is something wrong at a place in the inventory.
type Fault struct {
	At      Position
	Path    string // of keys, for example spawns.web.memory
	Problem string
}

func (f Fault) Error() string {
	if f.Path == "" {
		return fmt.Sprintf("%s: %s", f.At, f.Problem)
	}
	return fmt.Sprintf("%s: %s: %s", f.At, f.Path, f.Problem)
}

// String is file:line:column.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// maxFaults is more than anybody reads, and bounds what a broken file costs.
const maxFaults = 10_000

// faults gathers what is wrong, each once: what is wrong with defaults is wrong
// with every spawn, too.
type faults struct {
	list []Fault
	said map[saying]int // index in the list
}

type saying struct {
	at      Position
	problem string
}

func (f *faults) full() bool { return len(f.list) > maxFaults }

func (f *faults) add(at Position, path, format string, args ...any) {
	problem := oneLine(fmt.Sprintf(format, args...), 6000)
	path = oneLine(path, 200)
	if i, ok := f.said[saying{at, problem}]; ok {
		f.list[i].Path = min(f.list[i].Path, path)
		return
	}
	if f.full() {
		return
	}
	if len(f.list) == maxFaults {
		path, problem = "", "there are more faults than can be listed"
	}
	if f.said == nil {
		f.said = map[saying]int{}
	}
	f.said[saying{at, problem}] = len(f.list)
	f.list = append(f.list, Fault{at, path, problem})
}

func (f *faults) addAll(list []Fault) {
	for _, fault := range list {
		f.add(fault.At, fault.Path, "%s", fault.Problem)
	}
}

// oneLine makes a text of the user's harmless for terminals and logs.
func oneLine(text string, most int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, shortenTo(text, most))
}

// sortFaults puts them in the order of the file.
func sortFaults(list []Fault) {
	slices.SortFunc(list, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Problem, b.Problem))
	})
}

// err is all of them as one error, a line each; nil when there are none.
func (f *faults) err() error {
	if len(f.list) == 0 {
		return nil
	}
	sortFaults(f.list)
	all := &multierror.Error{ErrorFormat: func(errs []error) string {
		lines := make([]string, len(errs))
		for i, err := range errs {
			lines[i] = err.Error()
		}
		return strings.Join(lines, "\n")
	}}
	for _, fault := range f.list {
		all.Errors = append(all.Errors, fault)
	}
	return all
}
