package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// terminal is where the program reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// configure sets colours: on a terminal unless NO_COLOR is set (no-color.org),
// or as --color says.
func (t *terminal) configure(o *options) error {
	if err := choice("color", o.color, "auto", "always", "never"); err != nil {
		return err
	}
	if err := choice("output", o.output, "text", "json"); err != nil {
		return err
	}
	text.DisableColors()
	auto := t.width() > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if o.color == "always" || o.color == "auto" && auto {
		text.EnableColors()
	}
	return nil
}

// width is the number of columns, or 0 when out is no terminal.
func (t *terminal) width() int {
	file, ok := t.out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// interactive tells whether somebody is there to be asked.
func (t *terminal) interactive() bool {
	file, ok := t.in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && t.width() > 0
}

// confirm asks a question that only "yes" answers.
func (t *terminal) confirm(question string) (bool, error) {
	if err := t.printf("%s Only \"yes\" is taken: ", question); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return strings.TrimSpace(answer) == "yes", nil
}

func (t *terminal) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(t.out, format, args...)
	return err
}

// warn writes to stderr. Where that is gone there is nobody to tell.
func (t *terminal) warn(format string, args ...any) {
	_, _ = fmt.Fprintf(t.err, "pcloud-apply: "+format+"\n", args...)
}
