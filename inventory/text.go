package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxBytes is the size of the largest inventory that is taken.
const MaxBytes = 4 << 20

// parse gives the root mapping, or nil after a fault of the file as a whole.
func (l *loader) parse(text []byte) *yaml.Node {
	if len(text) > MaxBytes {
		l.faults.add(l.at(0, 0), "", "it is larger than %d MiB", MaxBytes>>20)
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if l.tooDense(text) || l.unreadable(text) || l.conflict(text) || l.directive(text) {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	err := decoder.Decode(&document)
	switch {
	case errors.Is(err, io.EOF) || err == nil && isEmpty(&document):
		l.faults.add(l.at(0, 0), "", "it is empty; the least is: version: 1 and name: …")
		return nil
	case err != nil:
		l.syntax(text, err)
		return nil
	case l.second(text, decoder):
		return nil
	}
	return l.rootMapping(document.Content[0])
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || isNull(document.Content[0])
}

func (l *loader) rootMapping(root *yaml.Node) *yaml.Node {
	if root.Kind != yaml.MappingNode {
		l.faults.add(l.of(root), "", "an inventory is a mapping with keys such as version, name and spawns; this is %s", kindOf(root))
		return nil
	}
	return root
}

func (l *loader) second(text []byte, decoder *yaml.Decoder) bool {
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return false
	case err != nil:
		l.syntax(text, err)
	default:
		l.faults.add(l.of(&document), "", "a second YAML document begins here; an inventory is one document")
	}
	return true
}

// maxMarks bounds what the YAML parser makes of a file: it needs some 300 bytes
// of memory for each comma, bracket, colon or line.
const maxMarks = 400_000

func (l *loader) tooDense(text []byte) bool {
	dense := marksOf(text) > maxMarks
	if dense {
		l.faults.add(l.at(0, 0), "", "it is too large: it has more than %d commas, colons, dashes, brackets and lines", maxMarks)
	}
	return dense
}

func marksOf(text []byte) int {
	marks := 0
	for _, mark := range "\n\r,:[{-?" {
		marks += bytes.Count(text, []byte{byte(mark)})
	}
	return marks
}

// unreadable finds what YAML does not allow anywhere; its parser does not say where.
func (l *loader) unreadable(text []byte) bool {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			l.faults.add(l.at(lineAt(text, i), 0), "", "it is not valid UTF-8")
			return true
		case !allowed(r):
			l.faults.add(l.at(lineAt(text, i), 0), "", "it has the control character %U", r)
			return true
		}
		i += size
	}
	return false
}

func allowed(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r' || r == 0x85:
		return true
	case r < ' ' || r >= 0x7f && r < 0xa0:
		return false
	}
	return r != 0xfeff && r != 0xfffe && r != 0xffff
}

func lineAt(text []byte, offset int) int { return bytes.Count(text[:offset], []byte("\n")) + 1 }

// conflictMarker begins a line that git left in a file that it could not merge.
var conflictMarker = regexp.MustCompile(`(?m)^(<{7}|\|{7}|={7}|>{7})( |\r?$)`)

func (l *loader) conflict(text []byte) bool {
	return l.refuseLine(text, conflictMarker, "a conflict marker of a git merge; resolve the conflict first")
}

// tagDirective is valid YAML, of no use here, and slow to parse in large numbers.
var tagDirective = regexp.MustCompile(`(?m)^%TAG\b`)

func (l *loader) directive(text []byte) bool {
	return l.refuseLine(text, tagDirective, "%TAG has no meaning in an inventory")
}

func (l *loader) refuseLine(text []byte, pattern *regexp.Regexp, problem string) bool {
	place := pattern.FindIndex(text)
	if place != nil {
		l.faults.add(l.at(lineAt(text, place[0]), 1), "", "%s", problem)
	}
	return place != nil
}

var (
	yamlLine      = regexp.MustCompile(`^yaml: line (\d+): `)
	unknownAnchor = regexp.MustCompile(`^yaml: unknown anchor '(.*)' referenced$`)
)

// syntax rewrites an error of the YAML parser. Its line can be one off, is left
// out for the first line, and unknown for an anchor.
func (l *loader) syntax(text []byte, err error) {
	problem, line := err.Error(), 1
	if parts := unknownAnchor.FindStringSubmatch(problem); parts != nil {
		use := max(bytes.Index(text, []byte("*"+parts[1])), 0)
		l.faults.add(l.at(lineAt(text, use), 0), "", "there is no anchor &%s for *%s, or only further down", parts[1], parts[1])
		return
	}
	if parts := yamlLine.FindStringSubmatch(problem); parts != nil {
		_, _ = fmt.Sscan(parts[1], &line) // the pattern has digits only
		problem = problem[len(parts[0]):]
	}
	line = min(line, lineAt(text, len(text)))
	l.faults.add(l.at(line, 0), "", "not valid YAML in this line or next to it: %s", strings.TrimPrefix(problem, "yaml: "))
}

func kindOf(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if node.Tag == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", shorten(node.Value))
}

func shorten(text string) string { return shortenTo(text, 40) }

func shortenTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
