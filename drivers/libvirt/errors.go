package libvirt

import (
	"errors"
	"strings"

	lv "libvirt.org/go/libvirt"
)

// plainError has the text of an error without the binding's notation of codes,
// which stay known to errors.Is.
type plainError struct {
	text string
	err  error
}

func (e *plainError) Error() string { return e.text }
func (e *plainError) Unwrap() error { return e.err }

func plain(err error) error {
	var virtual lv.Error
	if !errors.As(err, &virtual) {
		return err
	}
	return &plainError{strings.ReplaceAll(err.Error(), virtual.Error(), virtual.Message), err}
}
