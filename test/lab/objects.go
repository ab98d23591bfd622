package lab

import (
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed etc xml inside.sh
var objects embed.FS

// socketLimit is what the kernel allows for the path of a Unix socket.
const socketLimit = 107

// makeFolders makes what process 1 mounts, with a configuration that has
// nothing of the machine's own, and the pool.
func makeFolders(dir string) error {
	if path := filepath.Join(dir, "run", "libvirt-sock-ro"); len(path) > socketLimit {
		return fmt.Errorf("%s is too long a path for a socket", path)
	}
	if err := checkReachable(dir); err != nil {
		return err
	}
	for _, name := range []string{"run", "lib", "etc", "cache", "log", "pool"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	return writeConfiguration(dir)
}

// checkReachable refuses a folder that QEMU's user cannot get into: its guests
// would fail with a permission error that is hard to understand.
func checkReachable(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s is closed to QEMU's user; run: chmod o+x %s", dir, dir)
		}
		if dir == "/" {
			return nil
		}
	}
}

func writeConfiguration(dir string) error {
	// Two labs on one machine are two hosts and must not look like one.
	uuid := fmt.Sprintf("host_uuid = %q\n", newUUID())
	return errors.Join(
		write(dir, scriptName, ""),
		write(dir, "etc/libvirtd.conf", uuid),
		write(dir, "etc/qemu.conf", ""))
}

// write puts an embedded file, with an addition, into the lab's folder.
func write(dir, name, addition string) error {
	text, err := objects.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), append(text, addition...), 0o644)
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (l *Lab) defineObjects() error {
	if err := l.define("pool", "default", "xml/pool.xml", l.Pool()); err != nil {
		return err
	}
	for _, name := range []string{"default", "lab2"} {
		if err := l.define("net", name, "xml/"+name+".xml"); err != nil {
			return err
		}
	}
	return nil
}

// define defines and starts a pool or a network from a template; it comes back
// with the daemon.
func (l *Lab) define(kind, name, template string, values ...any) error {
	text, err := objects.ReadFile(template)
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, filepath.Base(template))
	if err := os.WriteFile(path, fmt.Appendf(nil, string(text), values...), 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"-define", path}, {"-start", name}, {"-autostart", name}} {
		if _, err := l.Virsh(kind+args[0], args[1]); err != nil {
			return err
		}
	}
	return nil
}
