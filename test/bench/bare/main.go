// Command bare is the reference of the bench: the libvirt calls and file writes
// of our verbs, and nothing else. Like them it looks first at what is there; it
// parses, compares and checks nothing.
//
//	bare URI FOLDER GOLDEN create|destroy|blind-destroy N stopped|running
//	bare URI FOLDER GOLDEN plan|pull
//
// FOLDER is that of the pool default, GOLDEN the image under the overlays.
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	lv "libvirt.org/go/libvirt"
)

// parallel is what the bench gives to ours, too.
const parallel = 8

type bare struct {
	folder, golden string
	conns          []*lv.Connect
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	if len(args) < 4 {
		return errors.New("wants URI FOLDER GOLDEN VERB")
	}
	b := &bare{folder: args[1], golden: args[2]}
	connections := 2 // as many as ours has
	if args[3] == "plan" || args[3] == "pull" {
		connections = 1
	}
	for range connections {
		c, err := lv.NewConnect(args[0])
		if err != nil {
			return err
		}
		defer func() {
			_, closeErr := c.Close()
			err = errors.Join(err, closeErr)
		}()
		b.conns = append(b.conns, c)
	}
	return b.verb(args[3], args[4:])
}

func (b *bare) verb(verb string, args []string) error {
	switch {
	case verb == "plan" && len(args) == 0:
		return b.plan()
	case verb == "pull" && len(args) == 0:
		return b.pull()
	case len(args) != 2:
		return fmt.Errorf("%s wants N and a state", verb)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if err := b.plan(); err != nil {
		return err
	}
	switch verb {
	case "create":
		return b.create(n, args[1] == "running")
	case "destroy":
		return b.destroy(n, args[1] == "running")
	case "blind-destroy":
		return b.blindDestroy(n, args[1] == "running")
	}
	return fmt.Errorf("no verb %s", verb)
}
