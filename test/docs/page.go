// Package docs runs the commands of the pages in docs/ as a reader would type
// them, with the files that the pages show, against a private libvirtd.
package docs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// step is what a reader does at one place of a page: write a file, or type a command.
type step struct {
	line    int // of the page, from 1
	file    string
	text    string
	command string
	shown   []string // of its output
	code    int      // its exit code
}

// parse reads the steps of a page, in their order:
//
//	```yaml NAME    the file NAME, in any language
//	```console      "$ " before a command, and below it lines of its output
//
// The exit code is 0, or what a following "$ echo $?" shows.
func parse(page string) ([]step, error) {
	var steps []step
	lines := strings.Split(page, "\n")
	for i := 0; i < len(lines); i++ {
		info, is := strings.CutPrefix(lines[i], "```")
		if !is {
			continue
		}
		length := slices.Index(lines[i+1:], "```")
		if length < 0 {
			return nil, fmt.Errorf("line %d: this block does not end", i+1)
		}
		found, err := block(i+1, info, lines[i+1:i+1+length])
		if err != nil {
			return nil, err
		}
		steps = append(steps, found...)
		i += length + 1
	}
	return steps, nil
}

func block(line int, info string, lines []string) ([]step, error) {
	language, name, _ := strings.Cut(info, " ")
	switch {
	case language == "console":
		return console(line, lines)
	case slices.Contains([]string{"sh", "bash", "shell"}, language):
		return nil, fmt.Errorf("line %d: commands stand in blocks of the kind console, where they are run", line)
	case name != "":
		return []step{{line: line, file: name, text: strings.Join(lines, "\n") + "\n"}}, nil
	}
	return nil, nil
}

func console(line int, lines []string) ([]step, error) {
	var steps []step
	for i, text := range lines {
		command, is := strings.CutPrefix(text, "$ ")
		switch {
		case is:
			steps = append(steps, step{line: line + 1 + i, command: command})
		case len(steps) == 0:
			return nil, fmt.Errorf("line %d: output before any command", line+1+i)
		default:
			last := &steps[len(steps)-1]
			last.shown = append(last.shown, text)
		}
	}
	return codes(steps)
}

// codes takes the questions for exit codes out and gives their answers to the
// commands before them.
func codes(steps []step) ([]step, error) {
	var kept []step
	for _, s := range steps {
		if s.command != "echo $?" {
			kept = append(kept, s)
			continue
		}
		code, err := strconv.Atoi(strings.Join(s.shown, ""))
		if err != nil || len(kept) == 0 {
			return nil, fmt.Errorf("line %d: wants a command before it and an exit code below it", s.line)
		}
		kept[len(kept)-1].code = code
	}
	return kept, nil
}

var blanks = regexp.MustCompile(`\s+`)

// missing is the first line that is shown and does not come in the output; ""
// when all do. A … stands for anything. The number of blanks does not matter, and
// neither does the order: what runs side by side ends in any.
func missing(shown []string, output string) string {
	lines := strings.Split(output, "\n")
	for _, want := range shown {
		quoted := strings.ReplaceAll(regexp.QuoteMeta(squeeze(want)), "…", ".*")
		pattern := regexp.MustCompile("^" + quoted + "$")
		found := slices.IndexFunc(lines, func(line string) bool { return pattern.MatchString(squeeze(line)) })
		switch {
		case squeeze(want) == "":
		case found < 0:
			return want
		default:
			lines = slices.Delete(lines, found, found+1)
		}
	}
	return ""
}

func squeeze(line string) string { return strings.TrimSpace(blanks.ReplaceAllString(line, " ")) }
