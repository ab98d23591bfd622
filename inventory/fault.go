package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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

// faults gathers what is wrong.
type faults []Fault

func (f *faults) add(at Position, path, format string, args ...any) {
	*f = append(*f, Fault{at, path, fmt.Sprintf(format, args...)})
}

// sorted puts them in the order of the file, each once: what is wrong with
// defaults is wrong with every spawn, too.
func (f faults) sorted() []Fault {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(f, func(a, b Fault) bool { return a.At == b.At && a.Problem == b.Problem })
}

// err is all of them as one error, a line each; nil when there are none.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	all := &multierror.Error{ErrorFormat: func(errs []error) string {
		lines := make([]string, len(errs))
		for i, err := range errs {
			lines[i] = err.Error()
		}
		return strings.Join(lines, "\n")
	}}
	for _, fault := range f.sorted() {
		all = multierror.Append(all, fault)
	}
	return all
}
