package libvirt

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/orisano/gosax"
)

// events reads the XML text that libvirt gave. gosax takes a twentieth of the
// time that encoding/xml needs for it, which was half of a large plan's.
func events(text string) *gosax.Reader {
	const room = 4096 // without it gosax would double the buffer to see the end
	r := gosax.NewReaderBuf(strings.NewReader(text), make([]byte, 0, len(text)+room))
	r.EmitSelfClosingTag = true
	return r
}

// children are the elements that definition has fields for, by the path of the
// element around them. Around others, all are passed on.
var children = map[string][]string{
	"/domain":                   {"name", "uuid", "memory", "vcpu", "metadata", "devices"},
	"/domain/devices":           {"disk", "interface"},
	"/domain/devices/disk":      {"source", "target"},
	"/domain/devices/interface": {"mac", "source"},
}

// tokens hands encoding/xml, which minds names and nesting, the tokens of those
// elements that are read; most of a definition is something else.
type tokens struct {
	events *gosax.Reader
	path   string
}

// Token implements [xml.TokenReader].
func (t *tokens) Token() (xml.Token, error) {
	for {
		event, err := t.events.Event()
		if err != nil {
			return nil, err
		}
		switch event.Type() {
		case gosax.EventEOF:
			return nil, io.EOF
		case gosax.EventStart:
			if t.enter(event.Bytes) {
				return startOf(event.Bytes)
			}
			if err := t.skip(); err != nil {
				return nil, err
			}
		case gosax.EventEnd:
			t.path = t.path[:max(strings.LastIndexByte(t.path, '/'), 0)]
			return gosax.EndElement(event.Bytes), nil
		case gosax.EventText:
			return gosax.CharData(event.Bytes)
		}
	}
}

func (t *tokens) enter(tag []byte) bool {
	name, _ := gosax.Name(tag)
	read, ok := children[t.path]
	if ok && !slices.Contains(read, string(name)) {
		return false
	}
	t.path += "/" + string(name)
	return true
}

// skip goes to the end of the element that has begun.
func (t *tokens) skip() error {
	for depth := 1; depth > 0; {
		event, err := t.events.Event()
		if err != nil {
			return err
		}
		switch event.Type() {
		case gosax.EventEOF:
			return io.ErrUnexpectedEOF
		case gosax.EventStart:
			depth++
		case gosax.EventEnd:
			depth--
		}
	}
	return nil
}

func startOf(tag []byte) (xml.StartElement, error) {
	start := xml.StartElement{Name: gosax.EndElement(tag).Name}
	err := eachAttribute(tag, func(key []byte, value string) {
		space, local, ok := strings.Cut(string(key), ":")
		if !ok {
			space, local = "", space
		}
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Space: space, Local: local}, Value: value})
	})
	return start, err
}

var errAttribute = errors.New("an attribute without a value")

func eachAttribute(tag []byte, f func(key []byte, value string)) error {
	_, rest := gosax.Name(tag)
	for {
		attribute, after, err := gosax.NextAttribute(rest)
		switch {
		case err != nil:
			return err
		case len(attribute.Key) == 0:
			return nil
		case len(attribute.Value) < 2:
			return errAttribute
		}
		value, err := gosax.Unescape(attribute.Value[1 : len(attribute.Value)-1])
		if err != nil {
			return err
		}
		f(attribute.Key, string(value))
		rest = after
	}
}

// absolutePaths are all attribute values and texts in the XML that look like one.
func absolutePaths(text string) ([]string, error) {
	var paths []string
	add := func(value string) {
		if value = strings.TrimSpace(value); strings.HasPrefix(value, "/") {
			paths = append(paths, value)
		}
	}
	for r := events(text); ; {
		event, err := r.Event()
		switch {
		case err != nil || event.Type() == gosax.EventEOF:
			return paths, err
		case event.Type() == gosax.EventStart:
			err = eachAttribute(event.Bytes, func(_ []byte, value string) { add(value) })
		case event.Type() == gosax.EventText:
			var content []byte
			content, err = gosax.Unescape(event.Bytes)
			add(string(content))
		}
		if err != nil {
			return paths, err
		}
	}
}
