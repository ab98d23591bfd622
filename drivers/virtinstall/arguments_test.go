package virtinstall

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func argumentsOf(change func(*installation)) []string {
	i := &installation{config: plain("/in"), work: "/w", target: "/pool/.pcloud-x.tmp"}
	change(i)
	return i.arguments()
}

func TestTheMachineIsDescribedInFull(t *testing.T) {
	want := []string{
		"--quiet",
		"--connect=qemu:///system",
		"--metadata=name=build,uuid=" + someUUID + `,title="a build"`,
		"--memory=memory=512",
		"--vcpus=vcpus=1",
		"--osinfo=name=linux2020",
		`--boot=kernel="/w/kernel",initrd="/w/initrd",kernel_args="console=ttyS0,115200n8 auto=true priority=critical"`,
		`--serial=file,path="/w/console"`,
		"--graphics=none",
		"--rng=/dev/urandom",
		"--events=on_poweroff=destroy,on_reboot=destroy,on_crash=destroy",
		"--import", "--transient", "--noautoconsole", "--noreboot", "--wait=-1", "--disk=none",
		"--virt-type=qemu", "--cpu=mode=maximum",
		"--network=network=default,model=virtio",
		`--xml=xpath.set=./devices/disk[1]/@type,xpath.value="file"`,
		`--xml=xpath.set=./devices/disk[1]/@device,xpath.value="disk"`,
		`--xml=xpath.set=./devices/disk[1]/driver/@name,xpath.value="qemu"`,
		`--xml=xpath.set=./devices/disk[1]/driver/@type,xpath.value="raw"`,
		`--xml=xpath.set=./devices/disk[1]/source/@file,xpath.value="/pool/.pcloud-x.tmp"`,
		`--xml=xpath.set=./devices/disk[1]/target/@dev,xpath.value="vda"`,
		`--xml=xpath.set=./devices/disk[1]/target/@bus,xpath.value="virtio"`,
		`--xml=xpath.set=./devices/disk[1]/driver/@cache,xpath.value="unsafe"`,
		`--xml=xpath.set=./devices/disk[1]/driver/@discard,xpath.value="unmap"`,
	}
	if diff := cmp.Diff(want, argumentsOf(func(*installation) {})); diff != "" {
		t.Error(diff)
	}
}

func TestMachinesDiffer(t *testing.T) {
	for want, change := range map[string]func(*installation){
		"--cpu=host-passthrough":                        func(i *installation) { i.config.KVM = true },
		"--virt-type=kvm":                               func(i *installation) { i.config.KVM = true },
		"--network=bridge=br0,model=virtio":             func(i *installation) { i.config.Network, i.config.Bridge = "", "br0" },
		"--xml=xpath.create=./devices/disk[2]/readonly": func(i *installation) { i.iso = "/i.iso" },
		`--xml=xpath.set=./devices/disk[2]/source/@file,xpath.value="/i.iso"`: func(i *installation) {
			i.iso = "/i.iso"
		},
		`--xml=xpath.set=./devices/disk[2]/source/@file,xpath.value="/w/seed.iso"`: func(i *installation) {
			i.config.Answers.Kind = "autoinstall"
		},
		`--xml=xpath.set=./devices/disk[3]/source/seclabel/@relabel,xpath.value="no"`: func(i *installation) {
			i.iso, i.config.Answers.Kind = "/i.iso", "autoinstall"
		},
	} {
		if args := argumentsOf(change); !slices.Contains(args, want) {
			t.Errorf("no %s in %s", want, strings.Join(args, "\n"))
		}
	}
	if args := strings.Join(argumentsOf(func(i *installation) { i.config.Answers = Answers{} }), " "); strings.Contains(args, "disk[2]") {
		t.Errorf("without answers there is another disk: %s", args)
	}
}

func TestKernelsAreToldWhereTheAnswersAre(t *testing.T) {
	const serial = "console=ttyS0,115200n8"
	for _, test := range []struct{ kind, location, args, want string }{
		{"", "", "", serial},
		{"", "http://m/tree", "a=b  c", serial + " a=b  c"},
		{"preseed", "http://m/tree", "x", serial + " auto=true priority=critical x"},
		{"kickstart", "http://m/tree", "x", serial + " inst.ks=file:/ks.cfg inst.text inst.repo=http://m/tree x"},
		{"kickstart", "/srv/rocky.iso", "", serial + " inst.ks=file:/ks.cfg inst.text"},
		{"autoinstall", "/srv/ubuntu.iso", "", serial + " autoinstall"},
	} {
		i := &installation{config: Config{Location: test.location, KernelArgs: test.args, Answers: Answers{Kind: test.kind}}}
		if got := i.kernelArgs(); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// What splits them is virt-install's own splitter.
func TestQuotedValuesStayOneWord(t *testing.T) {
	const split = `
import sys
sys.path.insert(0, "/usr/share/virt-manager")
from virtinst.cli import parse_optstr_tuples
print(parse_optstr_tuples(sys.argv[1])[1][1], end="")`
	for _, value := range []string{`a,b=c`, `"a" 'b`, `back\slash\"`, `ünï code`, `#$(x)`, ``} {
		out, err := exec.Command("/usr/bin/python3", "-c", split, "a=b,c="+quote(value)+",d=e").CombinedOutput()
		if err != nil || string(out) != value {
			t.Errorf("%q: %q, %v", value, out, err)
		}
	}
}
