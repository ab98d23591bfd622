package libvirt

import (
	"context"
	"fmt"
	"strings"

	lv "libvirt.org/go/libvirt"
)

// domainType is the type of a new domain: kvm or, where that does not run
// guests, qemu.
func (h *Host) domainType(ctx context.Context) string {
	if h.KVM(ctx) == "" {
		return "kvm"
	}
	return "qemu"
}

// KVM says why guests of this host are emulated (TCG), or "" when they use
// KVM. Where the host's accelerator is auto, KVM counts only when it is proved
// to run a guest; the proof is made once and takes about 0.3 s.
func (h *Host) KVM(ctx context.Context) string {
	h.accelerator.Do(func() {
		switch h.Accelerator {
		case "tcg":
			h.noKVM = "the inventory says accelerator: tcg"
		case "kvm":
		default:
			if err := h.proveKVM(ctx); err != nil {
				h.noKVM, _, _ = strings.Cut(err.Error(), "\n") // QEMU goes on for lines
			}
		}
	})
	return h.noKVM
}

// proveKVM starts a paused guest with the host's own CPU. Only this tells a
// /dev/kvm that works from one that is merely there, as nested clouds have.
// The guest is transient and goes with the connection, even if we are killed.
func (h *Host) proveKVM(ctx context.Context) error {
	text := fmt.Sprintf(`<domain type='kvm'><name>pcloud-probe-%s</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>`+
		`<os><type arch='x86_64' machine='q35'>hvm</type></os><cpu mode='host-passthrough'/>`+
		`<devices><controller type='usb' model='none'/><memballoon model='none'/></devices></domain>`, newUUID())
	return h.call(ctx, func(c *connection) error {
		domain, err := c.DomainCreateXML(text, lv.DOMAIN_START_PAUSED|lv.DOMAIN_START_AUTODESTROY)
		if err != nil {
			return err
		}
		defer func() { _ = domain.Free() }() // fails only for a handle that is none
		return domain.DestroyFlags(lv.DOMAIN_DESTROY_DEFAULT)
	})
}
