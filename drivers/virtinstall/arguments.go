package virtinstall

import (
	"fmt"
	"strconv"
	"strings"
)

// arguments are virt-install's. Each is one word with its value, so that no
// value can be an option.
func (i *installation) arguments() []string {
	c := i.config
	args := []string{
		"--quiet", // only errors are of use
		"--connect=" + c.URI,
		fmt.Sprintf("--metadata=name=%s,uuid=%s,title=%s", c.Name, c.UUID, quote(c.Title)),
		fmt.Sprintf("--memory=memory=%d", c.Memory/mebibyte),
		"--vcpus=vcpus=" + strconv.Itoa(c.VCPUs),
		"--osinfo=name=linux2020", // any that has virtio; nothing is looked up
		fmt.Sprintf("--boot=kernel=%s,initrd=%s,kernel_args=%s", quote(i.file("kernel")), quote(i.file("initrd")), quote(i.kernelArgs())),
		"--serial=file,path=" + quote(i.file("console")),
		"--graphics=none",
		"--rng=/dev/urandom",
		"--events=on_poweroff=destroy,on_reboot=destroy,on_crash=destroy",
		"--import", "--transient", "--noautoconsole", "--noreboot",
		"--wait=-1", // until the domain is off
		"--disk=none",
	}
	args = append(args, c.accelerator()...)
	args = append(args, c.network())
	return append(args, i.disks()...)
}

// quote makes a value one word for the splitter of virt-install's option
// strings, Python's shlex with commas between words.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}

func (i *installation) kernelArgs() string {
	args := []string{"console=ttyS0,115200n8", i.way().args}
	if tree := i.way().tree; tree != "" && isURL(i.config.Location) {
		args = append(args, tree+i.config.Location)
	}
	return strings.Join(given(append(args, i.config.KernelArgs)...), " ")
}

func (c Config) accelerator() []string {
	if c.KVM {
		return []string{"--virt-type=kvm", "--cpu=host-passthrough"}
	}
	return []string{"--virt-type=qemu", "--cpu=mode=maximum"}
}

func (c Config) network() string {
	if c.Bridge != "" {
		return "--network=bridge=" + c.Bridge + ",model=virtio"
	}
	return "--network=network=" + c.Network + ",model=virtio"
}

// disks are changes to the domain's XML: for a path in --disk the tool defines
// a pool, or refreshes the one that is there.
func (i *installation) disks() []string {
	args := disk(1, i.target, "disk", "vda", "virtio",
		"driver/@cache", "unsafe", // a build that the machine's crash ends begins anew
		"driver/@discard", "unmap")
	n := 1
	if i.way().file == "" && i.config.Answers.Kind != "" {
		n++
		args = append(args, readOnly(n, i.file("seed.iso"), "disk", "vdb", "virtio")...)
	}
	if i.iso != "" {
		n++
		// The image is not ours: it keeps its owner.
		args = append(args, readOnly(n, i.iso, "cdrom", "sda", "sata", "source/seclabel/@model", "dac", "source/seclabel/@relabel", "no")...)
	}
	return args
}

// disk gives the n-th disk its attributes; more are pairs of names and values.
func disk(n int, file, device, target, bus string, more ...string) (args []string) {
	all := append([]string{
		"@type", "file", "@device", device,
		"driver/@name", "qemu", "driver/@type", "raw",
		"source/@file", file,
		"target/@dev", target, "target/@bus", bus,
	}, more...)
	for at := 0; at < len(all); at += 2 {
		args = append(args, fmt.Sprintf("--xml=xpath.set=./devices/disk[%d]/%s,xpath.value=%s", n, all[at], quote(all[at+1])))
	}
	return args
}

func readOnly(n int, file, device, target, bus string, more ...string) []string {
	return append(disk(n, file, device, target, bus, more...), fmt.Sprintf("--xml=xpath.create=./devices/disk[%d]/readonly", n))
}
