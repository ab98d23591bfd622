package libvirt

import (
	"crypto/rand"
	"fmt"

	"libvirt.org/go/libvirtxml"

	"pcloud-apply/plan"
)

// rootTarget is the target of a spawn's first disk.
const rootTarget = "vda"

// newDomain is the definition of a new spawn: virtio everywhere, nothing that
// it does not need, no graphics.
func (h *Host) newDomain(s plan.Spawn) (*libvirtxml.Domain, error) {
	text, err := h.newMark(s, plan.Creating).qualified()
	if err != nil {
		return nil, err
	}
	domain := machine(s.Accel, s.Memory, s.VCPUs, h.devices(s))
	domain.Name, domain.UUID, domain.Metadata = s.Domain, s.UUID, &libvirtxml.DomainMetadata{XML: text}
	return domain, nil
}

// machine is what all our guests have in common. memory is in bytes.
func machine(accel string, memory int64, vcpus int, devices *libvirtxml.DomainDeviceList) *libvirtxml.Domain {
	return &libvirtxml.Domain{
		Type:       accel,
		Memory:     &libvirtxml.DomainMemory{Value: uint(memory / 1024), Unit: "KiB"},
		VCPU:       &libvirtxml.DomainVCPU{Value: uint(vcpus)},
		OS:         &libvirtxml.DomainOS{Type: &libvirtxml.DomainOSType{Arch: "x86_64", Machine: "q35", Type: "hvm"}},
		Features:   &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}},
		CPU:        &libvirtxml.DomainCPU{Mode: cpuMode(accel)},
		Clock:      &libvirtxml.DomainClock{Offset: "utc"},
		OnPoweroff: "destroy", OnReboot: "restart", OnCrash: "destroy",
		Devices: devices,
	}
}

// cpuMode: the host's CPU as it is under KVM, all that QEMU can emulate without.
func cpuMode(accel string) string {
	if accel == "kvm" {
		return "host-passthrough"
	}
	return "maximum"
}

func (h *Host) devices(s plan.Spawn) *libvirtxml.DomainDeviceList {
	devices := &libvirtxml.DomainDeviceList{
		Controllers: []libvirtxml.DomainController{{Type: "usb", Model: "none"}},
		Serials: []libvirtxml.DomainSerial{{
			Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainSerialTarget{Type: "isa-serial"},
		}},
		Consoles: []libvirtxml.DomainConsole{{
			Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
			Target: &libvirtxml.DomainConsoleTarget{Type: "serial"},
		}},
		Channels: []libvirtxml.DomainChannel{{
			Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: "org.qemu.guest_agent.0"}},
		}},
		RNGs: []libvirtxml.DomainRNG{{
			Model:   "virtio",
			Backend: &libvirtxml.DomainRNGBackend{Random: &libvirtxml.DomainRNGBackendRandom{Device: "/dev/urandom"}},
		}},
		MemBalloon: &libvirtxml.DomainMemBalloon{Model: "virtio"},
	}
	devices.Disks = h.disks(s)
	for _, nic := range s.NICs {
		devices.Interfaces = append(devices.Interfaces, newInterface(nic))
	}
	return devices
}

// disks: the root disk first, since guests name disks in this order; the seed last.
func (h *Host) disks(s plan.Spawn) []libvirtxml.DomainDisk {
	disks := []libvirtxml.DomainDisk{h.disk(s.Volume(), 0)}
	for i, d := range s.Disks {
		disk := h.disk(s.DiskVolume(d.Name), i+1)
		disk.Serial = d.Name
		disks = append(disks, disk)
	}
	return append(disks, h.seedDisk(s.SeedFile(), len(disks)))
}

func (h *Host) seedDisk(file string, index int) libvirtxml.DomainDisk {
	seed := h.disk(file, index)
	seed.Driver = &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "raw"}
	seed.ReadOnly = &libvirtxml.DomainDiskReadOnly{}
	return seed
}

func (h *Host) disk(file string, index int) libvirtxml.DomainDisk {
	return libvirtxml.DomainDisk{
		Device: "disk",
		Driver: &libvirtxml.DomainDiskDriver{Name: "qemu", Type: "qcow2", Discard: "unmap"},
		Source: &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: h.Folder + "/" + file}},
		Target: &libvirtxml.DomainDiskTarget{Dev: "vd" + string(rune('a'+index)), Bus: "virtio"},
	}
}

// newInterface has no boot ROM: a spawn never boots from the network, and
// loading one costs time at each start.
func newInterface(nic plan.NIC) libvirtxml.DomainInterface {
	source := &libvirtxml.DomainInterfaceSource{}
	if nic.Network != "" {
		source.Network = &libvirtxml.DomainInterfaceSourceNetwork{Network: nic.Network}
	} else {
		source.Bridge = &libvirtxml.DomainInterfaceSourceBridge{Bridge: nic.Bridge}
	}
	return libvirtxml.DomainInterface{
		MAC:    &libvirtxml.DomainInterfaceMAC{Address: nic.MAC},
		Source: source,
		Model:  &libvirtxml.DomainInterfaceModel{Type: "virtio"},
		ROM:    &libvirtxml.DomainROM{Enabled: "no"},
	}
}

// newUUID is a random uuid (RFC 9562, version 4). With it a definition is an
// exclusive create: libvirt refuses a second domain of the same name.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
