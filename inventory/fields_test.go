package inventory

import (
	"reflect"
	"slices"
)

// everyField is each key that an inventory can have, found in the types.
func everyField() []string {
	found := map[string]bool{}
	collect(reflect.TypeFor[Inventory](), found)
	return slices.Sorted(func(yield func(string) bool) {
		for name := range found {
			if !yield(name) {
				return
			}
		}
	})
}

func collect(t reflect.Type, found map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), found)
	case reflect.Struct:
		for name, i := range fieldsOf(t) {
			found[name] = true
			collect(t.Field(i).Type, found)
		}
	}
}
