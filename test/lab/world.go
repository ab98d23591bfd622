package lab

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// World describes everything in the lab: what libvirt knows, the files of the
// pool's folder, the QEMUs, and what tools leave in the machine's /tmp and lock
// folder. It changes nothing, so it does not refresh pools. Left out is what
// changes by itself: leases, free space, times and contents of disks that a
// running guest writes to. It fails when something vanishes while it looks.
func World(l *Lab) (Snapshot, error) {
	world := Snapshot{}
	for _, look := range []func(Snapshot) error{l.addDomains, l.addNetworks, l.addPools} {
		if err := look(world); err != nil {
			return nil, fmt.Errorf("look at the world: %w", err)
		}
	}
	written, err := writtenFiles(world)
	err = errors.Join(err, addFiles(world, l.Pool(), written), l.addProcesses(world), addTemporaries(world))
	if err != nil {
		return nil, fmt.Errorf("look at the world: %w", err)
	}
	return world, nil
}

// domainBatch keeps the command line of one virsh below the kernel's limit.
const domainBatch = 200

func (l *Lab) addDomains(world Snapshot) error {
	list, err := l.Virsh("list", "--all", "--uuid", "--name")
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(nonEmptyLines(list), domainBatch) {
		var queries []query
		for _, line := range batch {
			uuid, name, _ := strings.Cut(line, " ")
			name = "domain/" + strings.TrimSpace(name)
			queries = append(queries,
				query{name + "/state", "domstate --reason " + uuid},
				query{name + "/live", "dumpxml " + uuid},
				query{name + "/inactive", "dumpxml --inactive --security-info " + uuid})
		}
		if err := l.ask(world, queries); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) addNetworks(world Snapshot) error {
	return l.addNamed(world, "network/", "net-list --all --name", "net-dumpxml", "net-info")
}

func (l *Lab) addPools(world Snapshot) error {
	if err := l.addNamed(world, "pool/", "pool-list --all --name", "pool-dumpxml", "pool-info"); err != nil {
		return err
	}
	// A pool that is not active has no list of volumes.
	pools, err := l.Virsh("pool-list --name")
	if err != nil {
		return err
	}
	for _, pool := range nonEmptyLines(pools) {
		volumes, err := l.Virsh("vol-list", "--pool", pool)
		if err != nil {
			return err
		}
		for _, volume := range nonEmptyLines(volumes) {
			name, path, _ := strings.Cut(volume, " ")
			world["volume/"+pool+"/"+name] = strings.TrimSpace(path)
		}
	}
	return nil
}

func (l *Lab) addNamed(world Snapshot, prefix, list string, commands ...string) error {
	names, err := l.Virsh(list)
	if err != nil {
		return err
	}
	var queries []query
	for _, name := range nonEmptyLines(names) {
		for _, command := range commands {
			queries = append(queries, query{prefix + name, command + " '" + name + "'"})
		}
	}
	return l.ask(world, queries)
}

// query is a virsh command whose answer describes the thing called name.
type query struct{ name, command string }

const answerMark = "~~lab-answer~~"

// ask runs many queries in one virsh: a virsh each would take minutes for
// hundreds of domains. Queries of the same name add up.
func (l *Lab) ask(world Snapshot, queries []query) error {
	if len(queries) == 0 {
		return nil
	}
	var script strings.Builder
	for _, q := range queries {
		fmt.Fprintf(&script, "echo '%s'; %s; ", answerMark, q.command)
	}
	answers, err := l.strictVirsh(script.String())
	if err != nil {
		return err
	}
	parts := strings.Split(answers, answerMark)[1:]
	if len(parts) != len(queries) {
		return fmt.Errorf("virsh gave %d answers to %d queries", len(parts), len(queries))
	}
	for i, q := range queries {
		world[q.name] += withoutChanging(parts[i])
	}
	return nil
}

// strictVirsh fails on any complaint: the exit status is that of the last of
// many commands only.
func (l *Lab) strictVirsh(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), virshTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "virsh", "-q", "-c", l.URI(), script)
	command.Env = append(os.Environ(), "LC_ALL=C")
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if complaint.Len() > 0 {
		err = errors.Join(err, errors.New(strings.TrimSpace(complaint.String())))
	}
	if err != nil {
		return "", fmt.Errorf("virsh: %w", err)
	}
	return string(out), nil
}

// changing matches what differs from one look to the next while nobody does
// anything to the object itself: a pool's fill, a network's users.
var changing = regexp.MustCompile(`(?m)^\s*(<(capacity|allocation|available) |(Capacity|Allocation|Available): ).*\n| connections='\d+'`)

func withoutChanging(description string) string {
	return strings.TrimSpace(changing.ReplaceAllString(description, "")) + "\n"
}

// writtenFiles names the disks that running guests may write to.
func writtenFiles(world Snapshot) ([]string, error) {
	var files []string
	for name, live := range world {
		domain, isLive := strings.CutSuffix(name, "/live")
		if !isLive || strings.HasPrefix(world[domain+"/state"], "shut off") {
			continue
		}
		found, err := writableDisks(live)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		files = append(files, found...)
	}
	return files, nil
}

func writableDisks(domainXML string) ([]string, error) {
	var domain struct {
		Disks []struct {
			Source struct {
				File string `xml:"file,attr"`
			} `xml:"source"`
			ReadOnly *struct{} `xml:"readonly"`
		} `xml:"devices>disk"`
	}
	if err := xml.Unmarshal([]byte(domainXML), &domain); err != nil {
		return nil, err
	}
	var files []string
	for _, disk := range domain.Disks {
		if disk.ReadOnly == nil && disk.Source.File != "" {
			files = append(files, disk.Source.File)
		}
	}
	return files, nil
}

// addTemporaries adds what pcloud-apply or libguestfs leave outside the lab.
func addTemporaries(world Snapshot) error {
	for _, pattern := range []string{"/tmp/*pcloud*", "/tmp/.*pcloud*", "/tmp/*libguestfs*", "/tmp/.*libguestfs*", "/run/lock/pcloud-apply/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		for _, path := range paths {
			world["temporary"+path] = ""
		}
	}
	return nil
}

func nonEmptyLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
