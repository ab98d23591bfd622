package e2e

import (
	"os"
	"regexp"
	"testing"
)

func TestDoctorFindsWhatIsWrongAndSaysHowToMendIt(t *testing.T) {
	w := begin(t)
	w.inventory("images: {tiny: {source: {file: tiny.qcow2}}, a: {bootstrap: {suite: bookworm}, prepare: {run: [x]}}, b: {install: {distro: debian12}}}\n" +
		"spawns: {web: {count: 2, networks: [{network: default}, {network: lab2}]}}\n")
	healthy := w.run(program, "doctor")
	for _, row := range []string{
		`(?m)^  ok +connection +qemu\+unix:.*: libvirt \d+\.\d+\.\d+, QEMU \d`,
		`(?m)^  ok +accelerator +guests are emulated, as declared$`,
		`(?m)^  ok +network default +active, with DHCP$`,
		`(?m)^  ok +qemu-img +\d`,
		`(?m)^  ok +mmdebstrap +/usr/bin/mmdebstrap$`,
		`(?m)^  ok +virt-install +/usr/bin/virt-install$`,
		`(?m)^  ok +virt-sysprep +/usr/bin/virt-sysprep$`,
		`(?m)^  ok +memory +.* free, 192MiB still wanted`,
	} {
		if !regexp.MustCompile(row).MatchString(healthy.out) {
			t.Errorf("%s is missing in\n%s%s", row, healthy.out, healthy.err)
		}
	}
	before, err := os.Stat(host.Pool())
	w.must(err)
	w.must(os.Chmod(host.Pool(), 0o777))
	w.virsh("net-destroy", "lab2")
	sick := w.run(program, "doctor")
	w.virsh("net-start", "lab2")
	w.must(os.Chmod(host.Pool(), before.Mode()))
	if sick.code != 3 {
		t.Errorf("exit code %d", sick.code)
	}
	sick.wants(t, "! problem pool default", "others than root can write", "→ chown root:", "! problem network lab2", "net-start lab2")
}
