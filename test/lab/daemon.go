package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	answerTimeout = 60 * time.Second
	virshTimeout  = 2 * time.Minute
	pollInterval  = 50 * time.Millisecond
)

// Virsh runs virsh on the lab with the given arguments and returns what it
// prints. It gives up after two minutes; the error holds virsh's complaint.
func (l *Lab) Virsh(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), virshTimeout)
	defer cancel()
	return l.virsh(ctx, args...)
}

func (l *Lab) virsh(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "virsh", append([]string{"-q", "-c", l.URI()}, args...)...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	out, err := output(command)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return out, fmt.Errorf("virsh %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// StartDaemon starts virtlogd and libvirtd, those of them that do not run, and
// returns when libvirtd answers. It is idempotent.
func (l *Lab) StartDaemon() error {
	for _, name := range []string{"virtlogd", "libvirtd"} {
		if _, err := l.signal(name, "0"); err == nil {
			continue
		}
		if _, err := output(l.Inside(name, "--daemon", "--pid-file", pidFile(name))); err != nil {
			return fmt.Errorf("start %s: %w\n%s", name, err, l.logTail())
		}
	}
	return l.waitForAnswer()
}

// KillDaemon kills libvirtd with SIGKILL, as a crash would, and waits for its
// death. The guests run on.
func (l *Lab) KillDaemon() error {
	if _, err := l.signal("libvirtd", "KILL"); err != nil {
		return fmt.Errorf("kill libvirtd: %w", err)
	}
	return poll("libvirtd to die", 10*time.Second, func() error {
		if _, err := l.signal("libvirtd", "0"); err == nil {
			return errors.New("it still runs")
		}
		return nil
	})
}

// FreezeDaemon stops libvirtd, so that it accepts connections but never
// answers. It is idempotent.
func (l *Lab) FreezeDaemon() error {
	if _, err := l.signal("libvirtd", "STOP"); err != nil {
		return fmt.Errorf("freeze libvirtd: %w", err)
	}
	return nil
}

// ThawDaemon lets a frozen libvirtd go on. It is idempotent.
func (l *Lab) ThawDaemon() error {
	if _, err := l.signal("libvirtd", "CONT"); err != nil {
		return fmt.Errorf("thaw libvirtd: %w", err)
	}
	return nil
}

// signal sends a signal to a daemon; signal 0 only asks whether it runs. The
// pid file of a killed daemon stays behind and its number may be used again,
// hence the look at the process's name.
func (l *Lab) signal(daemon, signal string) (string, error) {
	const script = `pid=$(cat "$1") && [ "$(cat "/proc/$pid/comm")" = "$2" ] && kill "-$3" "$pid"`
	return output(l.Inside("sh", "-c", script, "sh", pidFile(daemon), daemon, signal))
}

func pidFile(daemon string) string { return "/run/libvirt/" + daemon + ".pid" }

func (l *Lab) waitForAnswer() error {
	err := poll("libvirtd to answer", answerTimeout, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		_, err := l.virsh(ctx, "uri")
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, l.logTail())
	}
	return nil
}

func (l *Lab) logTail() string {
	log, err := os.ReadFile(filepath.Join(l.dir, "log", "libvirtd.log"))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// poll calls check until it returns nil. After the deadline it returns check's
// last error.
func poll(what string, timeout time.Duration, check func() error) error {
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for %s: gave up after %v: %w", what, timeout, err)
		}
		time.Sleep(pollInterval)
	}
}

// output runs a command and returns what it prints; its error has what the
// command printed to standard error.
func output(command *exec.Cmd) (string, error) {
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}
