package virtinstall

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// absent is what virsh says of a domain that is none.
const absent = `[ "$4" = list ]`

func TestErrorsAreOneBoundedLineWithTheEndsOfOutputAndConsole(t *testing.T) {
	r := newTrial(t, `printf '\033[2J\033(B\033)0last\033[1;1H words\007' >"$HOME/console"
		head -c 100000 /dev/zero | tr '\0' x; printf '\033[31m b\n c\n' >&2; exit 7`, absent)
	err := r.run(t.Context(), func(string) {})
	if err == nil || !strings.HasPrefix(err.Error(), "install: virt-install: exit status 7: … xxx") ||
		!strings.HasSuffix(err.Error(), "x b c; the console ends with: last words") || len(err.Error()) > 1200 {
		t.Errorf("%.200v", err)
	}
}

func TestSilentFailuresAreReported(t *testing.T) {
	err := newTrial(t, "exit 1", absent).run(t.Context(), func(string) {})
	if err == nil || err.Error() != "install: virt-install: exit status 1" {
		t.Errorf("%v", err)
	}
}

func TestAnInstallerThatWroteNothingFailed(t *testing.T) {
	r := newTrial(t, `echo no disk >"$HOME/console"`, absent)
	err := r.run(t.Context(), func(string) {})
	if err == nil || !strings.HasSuffix(err.Error(), "wrote nothing to the disk; the console ends with: no disk") {
		t.Errorf("%v", err)
	}
	r = newTrial(t, `echo >"$(dirname "$0")/disk"`, absent)
	must(t, r.run(t.Context(), func(string) {}))
}

// It is alone in its namespace, and gets nothing of our environment. No answer
// is in its arguments or in a file that others can read.
func TestTheToolHasItsOwnSurroundings(t *testing.T) {
	for _, name := range []string{"LD_PRELOAD_TEST", "LC_ALL", "http_proxy", "LIBVIRT_DEFAULT_URI", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "/poison")
	}
	r := newTrial(t, `echo "I am $$ in $PWD"; env; echo "$@"; find "$HOME" -perm /077 -type f; exit 1`, absent)
	err := r.run(t.Context(), func(string) {})
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if !strings.HasPrefix(failed.Output, "I am 1 in /\n") || !strings.Contains(failed.Output, "XDG_CACHE_HOME="+r.Work+"/cache\n") {
		t.Errorf("%s", failed.Output)
	}
	for _, bad := range []string{"poison", "s3cret", "/initrd\n", "/kernel\n"} {
		if strings.Contains(failed.Output, bad) {
			t.Errorf("%q in %s", bad, failed.Output)
		}
	}
}

func TestATimeoutSaysHowLongItWasAndWhatTheConsoleShows(t *testing.T) {
	r := newTrial(t, `echo "which disk?" >"$HOME/console"; read word <"$HOME/gate"`, absent)
	must(t, unix.Mkfifo(filepath.Join(r.Work, "gate"), 0o600))
	r.Config.Timeout = 300 * time.Millisecond
	err := r.run(t.Context(), func(string) {})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no end within 300ms") || !strings.HasSuffix(err.Error(), "which disk?") {
		t.Errorf("%v", err)
	}
}

func TestACancelledInstallationIsNotBegun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newTrial(t, "echo >$HOME/begun", absent)
	err := r.run(ctx, func(name string) { cancel() })
	if _, begun := os.Stat(filepath.Join(r.Work, "begun")); !errors.Is(err, context.Canceled) || begun == nil {
		t.Errorf("%v", err)
	}
}

// lively starts a child in a session of its own, which no signal to a process
// group reaches; both keep the pipe open that they write to, and wait.
const lively = `setsid sh -c 'echo child >&4; read word <"$HOME/gate"' &
read word <"$HOME/gate"`

// told is a virsh that ends the domain when it is called so, and has the pipe.
const told = `echo guard >&3; echo "$@" >>"$work/told"; [ -s "$work/kernel" ] && echo kernel >>"$work/told"; exit 0`

func newLively(t *testing.T) (r trial, said *bufio.Reader, w *os.File) {
	t.Helper()
	read, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { must(t, read.Close()) })
	r = newTrial(t, lively, told)
	must(t, unix.Mkfifo(filepath.Join(r.Work, "gate"), 0o600))
	return r, bufio.NewReader(read), w
}

const destroyed = "-q -c qemu:///system destroy " + someUUID + "\n"

func TestACancelledToolIsKilledWithItsDescendantsAndTheDomain(t *testing.T) {
	r, said, w := newLively(t)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() { result <- r.run(ctx, func(string) {}, w) }()
	line, err := said.ReadString('\n')
	must(t, err)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	must(t, w.Close())
	if rest, err := io.ReadAll(said); line != "child\n" || err != nil || string(rest) != "guard\n" || r.read(t, "told") != destroyed {
		t.Errorf("%q, %q, %v, %q", line, rest, err, r.read(t, "told"))
	}
}

// The pipe ends when the last of them does, the guard included.
func TestToolAndDomainDieWithThisProcess(t *testing.T) {
	r, said, w := newLively(t)
	cmd := r.doom(t, w)
	must(t, w.Close())
	line, err := said.ReadString('\n')
	must(t, err)
	kill(t, cmd)
	if rest, err := io.ReadAll(said); line != "child\n" || err != nil || string(rest) != "guard\n" || r.read(t, "told") != destroyed {
		t.Errorf("%q, %q, %v, %q", line, rest, err, r.read(t, "told"))
	}
}

// The tool holds the pipe whose end is the guard's beginning.
func TestTheGuardWaitsForTheToolsDeath(t *testing.T) {
	r := newTrial(t, `readlink /proc/self/fd/3 >"$HOME/held"; exit 1`, `readlink /proc/self/fd/0 >"$work/awaited"`)
	if err := r.run(t.Context(), func(string) {}); err == nil {
		t.Error("no error")
	}
	if held := r.read(t, "held"); !strings.HasPrefix(held, "pipe:") || held != r.read(t, "awaited") {
		t.Errorf("%q, %q", held, r.read(t, "awaited"))
	}
}

// No answer and a domain that is still there are no end.
func TestTheGuardAsksUntilTheDomainIsGone(t *testing.T) {
	r := newTrial(t, "exit 1", `
		[ "$4" = list ] || { echo failed; exit 1; }
		echo asked >>"$work/asked"
		case $(wc -l <"$work/asked") in
		1) echo cannot connect; exit 1 ;;
		2) echo `+someUUID+` ;;
		esac`)
	err := r.run(t.Context(), func(string) {})
	if asked := r.read(t, "asked"); asked != "asked\nasked\nasked\n" || err == nil || err.Error() != "install: virt-install: exit status 1" {
		t.Errorf("%q, %v", asked, err)
	}
}
