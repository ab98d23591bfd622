package virtinstall

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"pcloud-apply/drivers/tool"
)

// destroy is what the guard does. Its input ends when the last process has
// closed the other end: we and virt-install are both gone, or done. A domain
// that libvirt was asked for at that moment may be unknown yet: QEMU refuses an
// empty kernel, so that it can start no more, and one that has started is known;
// hence one answer is enough. While libvirt gives none, the guard asks again, for
// five minutes. The kernel's file stays: without it libvirt gives no file back.
const destroy = `
virsh() { timeout -s KILL 60 "$virsh" -q -c "$uri" "$@" 2>&1; }
virsh=$1 uri=$2 uuid=$3 kernel=$4
trap '' HUP INT TERM
while read -r _; do :; done
truncate -c -s 0 -- "$kernel"
end=$(($(date +%s) + 300))
while ! said=$(virsh destroy "$uuid"); do
	running=$(virsh list --uuid) && case $running in *"$uuid"*) ;; *) exit 0 ;; esac
	[ "$(date +%s)" -lt "$end" ] || { echo "$said" >&2; exit 1; }
	sleep 1
done`

// guard is a process that outlives this one, to end a build domain.
type guard struct {
	*exec.Cmd
	alive *os.File // the guard begins when nobody has it open
	said  tool.Tail
	uuid  string
}

// newGuard starts the guard of a domain that is made later, from a kernel that
// is of no use to anybody else.
func (i *installation) newGuard() (*guard, error) {
	input, alive, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the guard's pipe: %w", err)
	}
	defer input.Close()
	g := &guard{alive: alive, uuid: i.config.UUID}
	g.Cmd = exec.Command("/bin/sh", "-uc", destroy, "sh", i.Paths["virsh"], i.config.URI, g.uuid, i.file("kernel"))
	g.Stdin, g.Stderr = input, &g.said
	g.Dir, g.Env, g.ExtraFiles = "/", tool.Environment(), i.Inherit
	g.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := g.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the guard: %w", err), alive.Close())
	}
	return g, nil
}

// end returns when there is no domain any more, or when the guard gave up.
func (g *guard) end() error {
	err := errors.Join(g.alive.Close(), g.Wait())
	if err != nil {
		return fmt.Errorf("build domain %s may still run: %w: %s", g.uuid, err, tool.OneLine(g.said.String()))
	}
	return nil
}
