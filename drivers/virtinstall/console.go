package virtinstall

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"pcloud-apply/drivers/tool"
)

// screen is how many bytes of a console's end are looked at: most are escapes.
const screen = 16 << 10

// endOf reads the end of a console.
func endOf(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.NewSectionReader(file, max(0, size-screen), screen))
	return string(text), err
}

// Error says what a program could not do, with what it and the installer said.
type Error struct {
	Program string
	Output  string // its last 4 KiB
	Console string // the end of the installer's serial console
	Err     error  // of the process; the context's when that ended it
}

// Error has one line.
func (e *Error) Error() string {
	said, _, _ := strings.Cut(e.Output, "Domain installation does not appear") // advice that fits no build
	text := tool.WithOutput(fmt.Sprintf("%s: %v", e.Program, e.Err), said)
	if e.Console == "" {
		return text
	}
	return tool.WithOutput(text+"; the console ends with", e.Console)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// withConsole adds what the console says to an error of a program.
func (i *installation) withConsole(err error) error {
	var failed *Error
	if !errors.As(err, &failed) {
		return err
	}
	text, why := endOf(i.file("console"))
	if why != nil && !errors.Is(why, os.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("read the console: %w", why))
	}
	failed.Console = text
	return err
}
