package tool

import (
	"regexp"
	"strings"
	"unicode"
)

const (
	inError   = 1000 // bytes of a text's end that an error has
	maxOutput = 4096
)

// escape is how programs move the cursor and choose colours (ECMA-48 5.4) and
// characters (ECMA-35 13.2).
var escape = regexp.MustCompile("\x1b(\\[[0-?]*[ -/]*[@-~]|[ -/]+[0-~])")

// OneLine is the end of a text, at most 1000 bytes, without what a terminal
// would obey.
func OneLine(text string) string {
	text = escape.ReplaceAllString(strings.ToValidUTF8(text, ""), " ")
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	line := strings.Join(words, " ")
	if len(line) > inError {
		line = "… " + strings.ToValidUTF8(line[len(line)-inError:], "")
	}
	return line
}

// WithOutput puts what a program said behind what is known of it.
func WithOutput(message, output string) string {
	if said := OneLine(output); said != "" {
		return message + ": " + said
	}
	return message
}

// Tail keeps the last 4 KiB of what is written to it.
type Tail struct{ text []byte }

func (t *Tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxOutput):]
	return len(p), nil
}

func (t *Tail) String() string { return string(t.text) }
