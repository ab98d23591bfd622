package e2e

import (
	"fmt"
	"os"
	"path/filepath"
)

// makeForeign puts objects of others beside everything that the tests do: a
// running domain, one that is off, files and a symbolic link in the pool.
func makeForeign() error {
	pool := host.Pool()
	for _, args := range [][]string{
		{"vol-create-as", "default", "theirs.qcow2", "64M", "--format", "qcow2"},
		{"vol-create-as", "default", "tiny.theirs.qcow2", "64M", "--format", "qcow2"},
	} {
		if _, err := host.Virsh(args...); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(pool, "notes.txt"), []byte("mine\n"), 0o644); err != nil {
		return err
	}
	if err := os.Symlink("notes.txt", filepath.Join(pool, "tiny.link.qcow2")); err != nil {
		return err
	}
	for _, name := range []string{"theirs", "tiny.theirs"} {
		if err := defineForeign(name, filepath.Join(pool, name+".qcow2"), ""); err != nil {
			return err
		}
	}
	if _, err := host.Virsh("pool-refresh", "default"); err != nil {
		return err
	}
	_, err := host.Virsh("start", "theirs")
	return err
}

func defineForeign(name, disk, metadata string) error {
	text := fmt.Sprintf(`<domain type='qemu'><name>%s</name>%s<memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%s'/><target dev='vda' bus='virtio'/></disk>
</devices></domain>`, name, metadata, disk)
	file, err := os.CreateTemp("", "domain-*.xml")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	_, err = host.Virsh("define", file.Name())
	return err
}
