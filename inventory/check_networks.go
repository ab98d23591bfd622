package inventory

import (
	"net"
	"net/netip"
	"strings"
)

// addressBook finds what is given away twice.
type addressBook struct {
	*loader
	macs, ips map[string]string // address → path of the card that has it
}

func newAddressBook(l *loader) *addressBook {
	return &addressBook{l, map[string]string{}, map[string]string{}}
}

func (b *addressBook) take(taken map[string]string, address, path, what string) {
	if other, ok := taken[address]; ok {
		b.complain(path, "the %s %s is taken by %s already", what, address, other)
		return
	}
	taken[address] = strings.TrimSuffix(strings.TrimSuffix(path, ".mac"), ".ip")
}

func (l *loader) checkNICs(s Spawn, path string, addresses *addressBook) {
	if len(s.Networks) > maxNICs {
		l.complain(path+".networks", "has %d cards; the most is %d", len(s.Networks), maxNICs)
	}
	for i := range s.Networks {
		l.checkNIC(&s.Networks[i], index(path+".networks", i), addresses)
	}
}

func (l *loader) checkNIC(nic *NIC, path string, addresses *addressBook) {
	l.exactlyOne(path, map[string]bool{"network": nic.Network != "", "bridge": nic.Bridge != ""})
	if nic.Network != "" {
		l.checkForeignName(path+".network", nic.Network, 200)
	}
	if nic.Bridge != "" {
		l.checkForeignName(path+".bridge", nic.Bridge, 15) // IFNAMSIZ of Linux
	}
	if nic.MAC != "" {
		l.checkMAC(nic, path+".mac", addresses)
	}
	l.checkAddresses(*nic, path, addresses)
}

func (l *loader) checkMAC(nic *NIC, path string, addresses *addressBook) {
	mac, err := net.ParseMAC(nic.MAC)
	switch {
	case err != nil || len(mac) != 6 || strings.Count(nic.MAC, ":") != 5:
		l.complain(path, "%q is no MAC address such as 52:54:00:12:34:56", shorten(nic.MAC))
	case mac[0]&1 == 1:
		l.complain(path, "%s is a multicast address; no card can have it", nic.MAC)
	case mac[0] == 0xfe:
		l.complain(path, "libvirt keeps addresses that begin with fe for itself: %s", nic.MAC)
	default:
		nic.MAC = mac.String()
		addresses.take(addresses.macs, nic.MAC, path, "MAC address")
	}
}

func (l *loader) checkAddresses(nic NIC, path string, addresses *addressBook) {
	prefix, err := netip.ParsePrefix(nic.IP)
	switch {
	case nic.IP == "" && (nic.Gateway != "" || len(nic.Nameservers) > 0) && !l.unread[path+".ip"]:
		l.complain(path, "gateway and nameservers go with ip")
	case nic.IP != "" && (err != nil || prefix.Addr().IsUnspecified() || prefix.Addr().IsMulticast()):
		l.complain(path+".ip", "%q is no address with its prefix, such as 10.0.0.5/24", shorten(nic.IP))
	case nic.IP != "":
		addresses.take(addresses.ips, prefix.Addr().String(), path+".ip", "address")
	}
	l.checkGateway(nic.Gateway, prefix, path+".gateway")
	for i, server := range nic.Nameservers {
		if _, err := netip.ParseAddr(server); err != nil {
			l.complain(index(path+".nameservers", i), "%q is no address", shorten(server))
		}
	}
}

func (l *loader) checkGateway(text string, inside netip.Prefix, path string) {
	gateway, err := netip.ParseAddr(text)
	switch {
	case text == "":
	case err != nil:
		l.complain(path, "%q is no address", shorten(text))
	case inside.IsValid() && (!inside.Contains(gateway) || gateway == inside.Addr()):
		l.complain(path, "%q is no other address in %s", text, inside.Masked())
	}
}
