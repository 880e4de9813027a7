package usernetes

import (
	"cmp"
	"fmt"
	"net/netip"
)

// A port is one of the machine that leads into the namespaces, and what it is
// for. It is only data.
type port struct {
	Address netip.Addr     // of the machine; the zero value is the node's own
	Proto   string         // tcp or udp
	Number  int            //
	Child   netip.Addr     // in the namespaces; the zero value is any address that is local there
	Target  int            // at that address; 0 means the same number
	Sources []netip.Prefix // whose clients are let in; nil means all
	Owner   object         // the zero value is the node itself
	Fault   string         // why it is not open, "" when it is
	Note    string         // what is different from a rootful node though it is open
}

// key tells ports of the machine apart, and is how people read them.
func (p port) key() string {
	if p.Address.IsValid() {
		return fmt.Sprintf("%s/%s", netip.AddrPortFrom(p.Address, uint16(p.Number)), p.Proto)
	}
	return fmt.Sprintf("%d/%s", p.Number, p.Proto)
}

// ownerKey tells ports apart of which one may have several owners.
func (p port) ownerKey() string { return p.Owner.UID + " " + p.key() }

// target is where in the namespaces the port leads.
func (p port) target() int { return cmp.Or(p.Target, p.Number) }

// byRoot reports whether in the mode veth the service leads the port: a
// packet that keeps its source address, to the address of the namespaces'
// device. What needs another address there has RootlessKit's port driver.
func (p port) byRoot() bool { return !p.Address.IsValid() && !p.Child.IsValid() }

// keepsSource reports whether what listens in the namespaces sees the source
// address of the port's clients.
func (n Node) keepsSource(p port) bool { return n.mode() == VethMode && p.byRoot() }

// An openPort is one that is open now.
type openPort struct {
	key  string // of the port
	lead string // where it leads, in the words of the driver that opened it
	id   int    // by which that driver closes it
	root bool   // the service of the mode veth has opened it
}
