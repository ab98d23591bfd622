package guestfs

import (
	"bytes"
	"regexp"
	"strings"
)

// maxOutput is how much of the end of the tool's output is kept.
const maxOutput = 64 << 10

// progress keeps the end of what is written to it, and tells of the stages that
// it sees begin.
type progress struct {
	step  func(string)
	text  []byte
	line  []byte // the beginning of a line whose end has not come
	stage string
}

func (p *progress) Write(b []byte) (int, error) {
	p.text = end(append(p.text, b...), maxOutput)
	lines := bytes.Split(append(p.line, b...), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		p.enter(stageOf(string(line)))
	}
	p.line = end(bytes.Clone(lines[len(lines)-1]), maxOutput)
	return len(b), nil
}

func end(text []byte, size int) []byte { return text[max(0, len(text)-size):] }

// enter tells of a stage once, however many lines of the tool belong to it.
func (p *progress) enter(stage string) {
	if stage != "" && stage != p.stage {
		p.stage = stage
		p.step(stage)
	}
}

// name is that of the stage; before the tool said anything it is the first.
func (p *progress) name() string {
	if p.stage == "" {
		return starting
	}
	return p.stage
}

const starting = "start the appliance"

// message is how the tool announces what it does, with the seconds since its start.
var message = regexp.MustCompile(`^\[ *[0-9]+\.[0-9]\] (.+)$`)

// stages are by the beginnings of the tool's messages.
var stages = []struct{ begins, stage string }{
	{"Examining ", starting},
	{"Performing ", "remove what the image gathered"},
	{"Installing packages", "install packages"},
	{"Running: " + foldersScript, "copy files"},
	{"Uploading: ", "copy files"},
	{"Running: " + ownersScript, "copy files"},
	{"SSH key inject", "add root's keys"},
	{"Setting the timezone", "set the time zone"},
	{"Running: " + bootScript, "make boots faster"},
	{"Running: " + cleanScript, "clean up"},
	{"SELinux relabelling", "relabel files for SELinux"},
}

// stageOf is "" for a line that begins no stage.
func stageOf(line string) string {
	said := message.FindStringSubmatch(line)
	if said == nil {
		return ""
	}
	if number, is := strings.CutPrefix(said[1], "Running: "+commandScript); is {
		return "run command " + number
	}
	for _, s := range stages {
		if strings.HasPrefix(said[1], s.begins) {
			return s.stage
		}
	}
	return ""
}
