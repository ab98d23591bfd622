package inventory

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/docker/go-units"
	"gopkg.in/yaml.v3"
)

// parser turns a scalar into a value, or says what is wrong with it.
type parser func(l *loader, node *yaml.Node) (any, error)

// scalars are the types that are written as one scalar.
var scalars = map[reflect.Type]parser{
	reflect.TypeFor[Size]():          parseSize,
	reflect.TypeFor[Memory]():        parseMemory,
	reflect.TypeFor[time.Duration](): parseDuration,
	reflect.TypeFor[File]():          parseFile,
}

// scalarKinds are the plain ones.
var scalarKinds = map[reflect.Kind]parser{
	reflect.String: parseString, reflect.Bool: parseBool, reflect.Int: parseInt,
}

func (l *loader) scalar(node *yaml.Node, into reflect.Value, path string, parse parser) {
	if node.Kind != yaml.ScalarNode {
		l.wants(node, path, "a single value")
		return
	}
	if isNull(node) {
		l.reject(node, path, "needs a value")
		return
	}
	parsed, err := parse(l, node)
	if err != nil {
		l.reject(node, path, "%s", err)
		return
	}
	into.Set(reflect.ValueOf(parsed).Convert(into.Type()))
}

func parseString(_ *loader, node *yaml.Node) (any, error) {
	if node.Tag != "!!str" {
		return nil, fmt.Errorf("wants a text, and YAML takes %s for something else; write it in quotes", shorten(node.Value))
	}
	if strings.Contains(node.Value, "PRIVATE KEY-----") {
		return nil, errors.New("this is a private key, which must not be here; the public one is in the file that ends in .pub")
	}
	if strings.ContainsFunc(node.Value, unicode.IsControl) {
		return nil, fmt.Errorf("it has control characters: %q", shorten(node.Value))
	}
	return node.Value, nil
}

func parseBool(_ *loader, node *yaml.Node) (any, error) {
	if node.Value != "true" && node.Value != "false" {
		return nil, fmt.Errorf("wants true or false, got %s", kindOf(node))
	}
	if node.Tag != "!!bool" {
		return nil, fmt.Errorf("wants true or false, not a text: write %s without quotes", node.Value)
	}
	return node.Value == "true", nil
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})$`)

func parseInt(_ *loader, node *yaml.Node) (any, error) {
	if !decimal.MatchString(node.Value) {
		return nil, fmt.Errorf("wants a whole number, got %s", kindOf(node))
	}
	if node.Tag != "!!int" {
		return nil, fmt.Errorf("wants a number, not a text: write %s without quotes", node.Value)
	}
	return strconv.Atoi(node.Value)
}

// Limits that are beyond any machine this runs on; they keep sums from overflowing.
const (
	maxDisk   = 64 << 40
	minMemory = 16 << 20
	maxMemory = 16 << 40
)

// diskUnit is what libvirt rounds sizes up to. A disk that is larger than it is
// declared would be a disk that is to shrink, and that is refused.
const diskUnit = units.KiB

var plainNumber = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)

func parseSize(_ *loader, node *yaml.Node) (any, error) {
	if plainNumber.MatchString(node.Value) {
		return nil, fmt.Errorf("a size needs a unit: %sGiB?", shorten(node.Value))
	}
	n, err := parseBytes(node, 1, maxDisk)
	if err == nil && n%diskUnit != 0 {
		err = fmt.Errorf("%s is not a whole number of KiB", node.Value)
	}
	return n, err
}

func parseMemory(_ *loader, node *yaml.Node) (any, error) {
	if node.Tag == "!!int" && decimal.MatchString(node.Value) {
		node = &yaml.Node{Kind: yaml.ScalarNode, Value: node.Value + "MiB"}
	}
	n, err := parseBytes(node, minMemory, maxMemory)
	if err == nil && n%units.MiB != 0 {
		err = fmt.Errorf("%s is not a whole number of MiB", node.Value)
	}
	return n, err
}

var sizePattern = regexp.MustCompile(`^[0-9]{1,15}((\.[0-9]{1,9})? ?[kKmMgGtTpP]([iI]?[bB])?| ?[bB])$`)

// parseBytes takes binary units only: K, KB and KiB are 1024 bytes.
func parseBytes(node *yaml.Node, least, most int64) (int64, error) {
	if !sizePattern.MatchString(node.Value) {
		return 0, fmt.Errorf("wants a size such as 512MiB or 20GiB, got %s", kindOf(node))
	}
	n, err := units.RAMInBytes(node.Value)
	switch {
	case err != nil || n < 0 || n == math.MaxInt64 || n > most:
		return 0, fmt.Errorf("%s is too large; the most is %s", node.Value, units.BytesSize(float64(most)))
	case n < least:
		return 0, fmt.Errorf("%s is too small; the least is %s", node.Value, units.BytesSize(float64(least)))
	}
	return n, nil
}

func parseDuration(_ *loader, node *yaml.Node) (any, error) {
	if plainNumber.MatchString(node.Value) {
		return nil, fmt.Errorf("a time needs a unit: %ss", shorten(node.Value))
	}
	d, err := time.ParseDuration(node.Value)
	if err != nil || d <= 0 || d > 24*time.Hour {
		return nil, fmt.Errorf("wants a time such as 90s, 5m or 1h, at most 24h, got %s", kindOf(node))
	}
	return d, nil
}

const (
	maxNamedFile  = 1 << 20 // what cloud-init and the seed can sensibly hold
	maxNamedFiles = 64 << 20
)

// parseFile reads the file that is named, now and once.
func parseFile(l *loader, node *yaml.Node) (any, error) {
	name, err := parseString(l, node)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("needs a value")
	}
	path := l.absolute(name.(string))
	content, err := l.readOnce(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read %s: %w", path, cause(err))
	case len(content) > maxNamedFile:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	case l.readSize > maxNamedFiles:
		return nil, errors.New("the files named so far are larger than 64 MiB together")
	}
	return File{path, content}, nil
}

// readOnce reads a file that many spawns may name.
func (l *loader) readOnce(path string) ([]byte, error) {
	if content, ok := l.read[path]; ok {
		return content, nil
	}
	content, err := l.files.Read(path)
	if err == nil && l.readSize <= maxNamedFiles {
		l.read[path] = content
		l.readSize += len(content)
	}
	return content, err
}

// absolute resolves a path against the inventory's folder.
func (l *loader) absolute(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.folder, path)
}

// cause is the innermost error: "no such file or directory" without the path,
// which the message has already.
func cause(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}
