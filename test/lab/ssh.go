package lab

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

const sshTimeout = time.Minute

var sshOptions = []string{
	"-F", "none",
	"-o", "BatchMode=yes",
	"-o", "IdentitiesOnly=yes",
	"-o", "StrictHostKeyChecking=no",
	"-o", "UserKnownHostsFile=/dev/null",
	"-o", "LogLevel=ERROR",
	"-o", "ConnectTimeout=5",
	"-o", "ServerAliveInterval=5",
	"-o", "ServerAliveCountMax=3",
}

// SSH runs a command as root, or as the user of user@ip, in the guest at ip and
// returns what it prints. It gives up after a minute, sooner when the guest
// cannot be reached, and does not check the guest's host key.
func (l *Lab) SSH(ip, keyFile string, command ...string) (string, error) {
	if !strings.Contains(ip, "@") {
		ip = "root@" + ip
	}
	ctx, cancel := context.WithTimeout(context.Background(), sshTimeout)
	defer cancel()
	args := append(append([]string{}, sshOptions...), "-i", keyFile, "--", ip)
	inLab := l.Enter("ssh", append(args, command...)...)
	bounded := exec.CommandContext(ctx, inLab.Path, inLab.Args[1:]...)
	bounded.Env = inLab.Env
	out, err := output(bounded)
	if err != nil {
		return out, fmt.Errorf("ssh %s %s: %w", ip, strings.Join(command, " "), err)
	}
	return out, nil
}
