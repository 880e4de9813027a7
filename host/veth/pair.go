package veth

import (
	"net/netip"

	"github.com/alt-cloud/podsec-k8s/host"
)

// Names of the two ends.
const (
	HostEnd = "u7s0" // the machine's
	NodeEnd = "u7s1" // in the namespaces
)

// A Port is one of the node's address that leads into the namespaces.
type Port struct {
	Proto   string         // tcp or udp
	Number  int            // on the node's address
	Target  int            // in the namespaces
	Sources []netip.Prefix // IPv4 networks whose clients are let in; none means all
}

// Key tells ports of one address apart.
func (p Port) Key() string { return host.PortName(p.Number, p.Proto) }

// A Link is a veth pair between the machine and the namespaces. It is only
// data.
type Link struct {
	Address netip.Addr   // of the node, one of the machine's own
	Device  string       // of the machine, that has the address
	MTU     int          // bytes, of that device
	Subnet  netip.Prefix // of four addresses: the second and the third are the two ends
	Forward bool         // the device forwards packets for others, too
	Global  bool         // the machine's own switch for that, net.ipv4.ip_forward
	Default netip.Addr   // gateway of the machine's default route; invalid when there was none
}

// lastFour returns the last four addresses of a network: RootlessKit's own are
// among the first.
func lastFour(network netip.Prefix) netip.Prefix {
	a := network.Masked().Addr().As4()
	for bit := network.Bits(); bit < 30; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.PrefixFrom(netip.AddrFrom4(a), 30)
}

// Prefix returns the address of an end with the length of the network.
func (l Link) Prefix(end netip.Addr) string { return netip.PrefixFrom(end, l.Subnet.Bits()).String() }
