package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxBytes is the size of the largest inventory that is taken.
const MaxBytes = 4 << 20

// Load reads an inventory. file is its path as the user gave it; relative paths
// in the inventory are relative to its folder. The error has every fault, a
// line each, in the order of the file. Load is safe for concurrent use if files is.
func Load(file string, text []byte, files Files) (*Inventory, error) {
	l := &loader{file: file, files: files}
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("find the inventory's folder: %w", err)
	}
	l.folder = folder
	root := l.parse(text)
	if root == nil {
		return nil, l.faults.err()
	}
	inv := l.decode(root)
	l.check(inv)
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	inv.NotSupported = l.unsupported(inv).sorted()
	return inv, nil
}

// loader is one reading of an inventory.
type loader struct {
	file   string // as the user gave it
	folder string // absolute
	files  Files
	faults faults
	nodes  int                 // visited so far: aliases can make a small file large
	places map[string]Position // of every key path that stands in the file
	unread map[string]bool     // key paths whose values could not be decoded
	read   map[string][]byte   // files that were read
}

func (l *loader) at(line, column int) Position { return Position{l.file, line, column} }

// parse gives the root mapping, or nil after a fault of the file as a whole.
func (l *loader) parse(text []byte) *yaml.Node {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	switch {
	case len(text) > MaxBytes:
		l.faults.add(l.at(0, 0), "", "it is larger than %d MiB", MaxBytes>>20)
		return nil
	case !utf8.Valid(text):
		l.faults.add(l.at(badLine(text), 0), "", "it is not valid UTF-8")
		return nil
	case l.conflict(text):
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && isEmpty(&document) {
		l.faults.add(l.at(0, 0), "", "it is empty; the least is: version: 1 and name: …")
		return nil
	}
	if err != nil {
		l.syntax(err)
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		l.faults.add(l.at(max(second.Line, 1), max(second.Column, 1)), "", "a second YAML document begins here; an inventory is one document")
		return nil
	}
	return l.rootMapping(document.Content[0])
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Tag == "!!null"
}

func (l *loader) rootMapping(root *yaml.Node) *yaml.Node {
	if root.Kind != yaml.MappingNode {
		l.faults.add(l.at(root.Line, root.Column), "", "an inventory is a mapping with keys such as version, name and spawns; this is %s", kindOf(root))
		return nil
	}
	return root
}

func badLine(text []byte) int {
	for i, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return i + 1
		}
	}
	return 1
}

// conflictMarker begins a line that git left in a file that it could not merge.
var conflictMarker = regexp.MustCompile(`(?m)^(<<<<<<< |>>>>>>> |=======\r?$)`)

func (l *loader) conflict(text []byte) bool {
	found := conflictMarker.FindIndex(text)
	if found == nil {
		return false
	}
	line := bytes.Count(text[:found[0]], []byte("\n")) + 1
	l.faults.add(l.at(line, 1), "", "a conflict marker of a git merge; resolve the conflict first")
	return true
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax rewrites an error of the YAML parser, whose line can be one off.
func (l *loader) syntax(err error) {
	text, line := err.Error(), 0
	if parts := yamlLine.FindStringSubmatch(text); parts != nil {
		_, _ = fmt.Sscan(parts[1], &line) // the pattern has digits only
		text = text[len(parts[0]):]
	}
	l.faults.add(l.at(line, 0), "", "not valid YAML, here or in the line before: %s", strings.TrimPrefix(text, "yaml: "))
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

func shorten(text string) string {
	if len(text) <= 40 {
		return text
	}
	return strings.ToValidUTF8(text[:40], "") + "…"
}
