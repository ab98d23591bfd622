package inventory

import (
	"fmt"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// Load reads an inventory. file is its path as the user gave it; relative paths
// in the inventory are relative to its folder. The error has every fault, a
// line each, in the order of the file. Load is safe for concurrent use if files is.
func Load(file string, text []byte, files Files) (*Inventory, error) {
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("find the inventory's folder: %w", err)
	}
	l := &loader{
		file: file, folder: folder, files: files,
		unread: map[string]bool{}, read: map[string][]byte{}, mappings: map[string]bool{},
	}
	root := l.parse(text)
	if root == nil {
		return nil, l.faults.err()
	}
	inv := l.decode(root)
	if !l.exhausted() {
		l.check(inv)
		l.faults.addAll(l.located(l.lost))
	}
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	inv.NotSupported = l.unsupported(inv)
	return inv, nil
}

// loader is one reading of an inventory.
type loader struct {
	file     string // as the user gave it
	folder   string // absolute
	files    Files
	faults   faults
	lost     []Fault           // faults in what was decoded, whose places are still to be found
	root     *yaml.Node        // with defaults merged into spawns
	work     int               // done so far: aliases can make a small file large
	unread   map[string]bool   // key paths whose values could not be decoded
	read     map[string][]byte // files that were read
	readSize int               // of all of them
	mappings map[string]bool   // whether files that were read are YAML mappings
	hints    int               // suggestions asked for
}

func (l *loader) at(line, column int) Position { return Position{l.file, line, column} }

func (l *loader) of(node *yaml.Node) Position { return l.at(node.Line, node.Column) }

// maxWork bounds the work on one inventory, in keys and values, and with it the
// memory. Five thousand spawns with all of their keys stay below it.
const maxWork = 1_500_000

// spend counts work and tells whether to go on.
func (l *loader) spend(node *yaml.Node, work int) bool {
	if l.exhausted() {
		return false
	}
	if l.work += work; l.exhausted() {
		l.faults.add(l.of(node), "", "the inventory is too large with its aliases and defaults followed")
	}
	return !l.exhausted()
}

// exhausted tells that there is no use in going on.
func (l *loader) exhausted() bool { return l.work > maxWork || l.faults.full() }
