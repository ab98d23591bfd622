package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// scriptName is what process 1 runs.
const scriptName = "inside.sh"

// Enter returns the command name in the lab's network, so that it reaches the
// guests; everything else is as outside. The caller runs and ends the command;
// Close does not.
func (l *Lab) Enter(name string, args ...string) *exec.Cmd {
	return l.nsenter([]string{"--net"}, name, args)
}

// Inside returns the command name in all namespaces of the lab, where what a
// test mounts is seen by libvirt and QEMU, and by nobody else.
func (l *Lab) Inside(name string, args ...string) *exec.Cmd {
	return l.nsenter([]string{"--mount", "--net", "--pid"}, name, args)
}

func (l *Lab) nsenter(namespaces []string, name string, args []string) *exec.Cmd {
	all := append([]string{"--target", strconv.Itoa(l.init.Process.Pid)}, namespaces...)
	all = append(append(all, "--", name), args...)
	command := exec.Command("nsenter", all...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	return command
}

// startInit starts process 1 and waits until it has prepared the namespaces.
func (l *Lab) startInit() error {
	said, err := l.runInit()
	if err != nil {
		return fmt.Errorf("start namespaces: %w", err)
	}
	defer said.Close()
	if line, _ := bufio.NewReader(said).ReadString('\n'); line != "ready\n" {
		complaint, _ := os.ReadFile(filepath.Join(l.dir, "inside.log"))
		return fmt.Errorf("prepare namespaces: %s", strings.TrimSpace(string(complaint)))
	}
	return nil
}

// runInit starts process 1 and returns its standard output.
func (l *Lab) runInit() (io.ReadCloser, error) {
	stdin, alive, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	log, err := os.Create(filepath.Join(l.dir, "inside.log"))
	if err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	defer log.Close()
	said, stdout, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, alive.Close())
	}
	defer stdout.Close()
	command := initCommand(l.dir)
	command.Stdin, command.Stdout, command.Stderr = stdin, stdout, log
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, alive.Close(), said.Close())
	}
	l.init, l.alive = command, alive
	return said, nil
}

func initCommand(dir string) *exec.Cmd {
	command := exec.Command("bash", filepath.Join(dir, scriptName), dir)
	command.Env = append(os.Environ(), "LC_ALL=C")
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		// An interrupt typed at the terminal is for the test, not for the lab.
		Setpgid: true,
	}
	return command
}

// stopInit kills process 1. The kernel kills all other processes of the lab
// before it reports that death.
func (l *Lab) stopInit() error {
	if l.init == nil {
		return nil
	}
	err := l.init.Process.Kill()
	var killed *exec.ExitError
	if waited := l.init.Wait(); waited != nil && !errors.As(waited, &killed) {
		err = errors.Join(err, waited)
	}
	if err = errors.Join(err, l.alive.Close()); err != nil {
		return fmt.Errorf("close lab: %w", err)
	}
	return nil
}
