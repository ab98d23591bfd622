package libvirt

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

const (
	tailBytes = 4096
	tailLines = 12
)

// tail is the end of what a guest has written to its serial console. A file
// that cannot be read says nothing.
func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // nothing was written
	if _, err := file.Seek(-tailBytes, io.SeekEnd); err != nil {
		_, _ = file.Seek(0, io.SeekStart) // it is shorter than that
	}
	text, err := io.ReadAll(io.LimitReader(file, tailBytes))
	if err != nil {
		return ""
	}
	return string(text)
}

// consoleTail tells the last lines, without what would act on a terminal.
func consoleTail(path string) string {
	lines := strings.FieldsFunc(harmless(tail(path)), func(r rune) bool { return r == '\n' })
	if len(lines) == 0 {
		return "Its console said nothing"
	}
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("Its console ends with:\n  %s", strings.Join(lines, "\n  "))
}

func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\r':
			return -1
		case r == '\n' || unicode.IsPrint(r):
			return r
		}
		return '·'
	}, strings.ToValidUTF8(text, "·"))
}
