package usernetes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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

// A machineState is what ports are decided by.
type machineState struct {
	node      Node
	addresses []netip.Addr // of the machine
	services  []service
	pods      []pod      // of this node
	listeners []listener // sockets of pods with the node's network
}

// has reports whether an address is the machine's. Every loopback address is.
func (m machineState) has(address netip.Addr) bool {
	return address == m.node.IP || address.IsLoopback() || slices.Contains(m.addresses, address)
}

// wantedPorts lists the ports that Services and this node's Pods ask for on
// the machine's addresses. Of two that ask for the same, the older one has
// it; the other's Fault says so.
func wantedPorts(m machineState) []port {
	slices.SortStableFunc(m.services, func(a, b service) int { return older(a.Metadata, b.Metadata) })
	slices.SortStableFunc(m.pods, func(a, b pod) int { return older(a.Metadata, b.Metadata) })
	w := wanted{taken: map[string]object{}, asked: map[string]bool{}}
	for _, p := range published(m.node) {
		w.taken[port{Proto: p.proto, Number: p.port}.key()] = object{}
	}
	for _, s := range m.services {
		w.add(m.servicePorts(s)...)
	}
	for _, p := range m.pods {
		w.add(m.podPorts(p)...)
	}
	for _, p := range m.pods {
		w.add(m.listeningPorts(p)...)
	}
	return w.ports
}

// A wanted is the list of ports as it grows.
type wanted struct {
	ports []port
	taken map[string]object // by key: who has it
	asked map[string]bool   // by owner and key
}

// add appends ports. Of two ways in which one owner asks for the same port the
// first counts.
func (w *wanted) add(ports ...port) {
	for _, p := range ports {
		if w.asked[p.ownerKey()] {
			continue
		}
		w.asked[p.ownerKey()] = true
		other, taken := w.taken[p.key()]
		switch {
		case p.Fault != "":
		case taken:
			p.Fault = "it belongs to " + other.String()
		case p.Proto == "sctp":
			p.Fault = "SCTP is not published: use TCP or UDP"
		default:
			w.taken[p.key()] = p.Owner
		}
		w.ports = append(w.ports, p)
	}
}

func older(a, b metadata) int {
	return cmp.Or(cmp.Compare(a.CreationTimestamp, b.CreationTimestamp), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

// protocol is the API's, as ports have it.
func protocol(name string) string { return strings.ToLower(cmp.Or(name, "TCP")) }

// on puts a port on an address of the machine.
func (m machineState) on(address netip.Addr, p port) port {
	if address != m.node.IP {
		p.Address = address
	}
	return p
}

// noAddress words that a port is asked for on an address that the machine
// lacks.
func noAddress(address string) string {
	return fmt.Sprintf("this machine has no address %s: ip address add, or ask for another", address)
}

// onlyIPv4 words that a port is asked for on an IPv6 address.
const onlyIPv4 = "a node publishes no port on an IPv6 address: ask for an IPv4 one"

// A portChange is what has to be done to the ports that are open.
type portChange struct {
	close []openPort
	open  []port
}

// An openPort is one that is open now.
type openPort struct {
	key  string // of the port
	lead string // where it leads, in the words of the driver that opened it
	id   int    // by which that driver closes it
	root bool   // the service of the mode veth has opened it
}

// changePorts compares the ports that are open with those that are wanted.
// One that leads elsewhere now is closed and opened again. The node's own are
// left alone.
func changePorts(n Node, open []openPort, wanted []port, lead func(port) string) (c portChange) {
	want, have := map[string]string{}, map[string]bool{}
	for _, p := range wanted {
		if p.Fault == "" {
			want[p.key()] = lead(p)
		}
	}
	own := map[string]bool{}
	for _, p := range published(n) {
		own[port{Proto: p.proto, Number: p.port}.key()] = true
	}
	for _, p := range open {
		if to, ok := want[p.key]; own[p.key] || ok && to == p.lead {
			have[p.key] = true
			continue
		}
		c.close = append(c.close, p)
	}
	for _, p := range wanted {
		if p.Fault == "" && !have[p.key()] {
			c.open = append(c.open, p)
		}
	}
	return c
}

// readyAddresses lists the addresses of the nodes that are ready, in order.
func readyAddresses(nodes []clusterNode) []ingress {
	var all []ingress
	for _, n := range nodes {
		if !n.ready() {
			continue
		}
		for _, a := range n.Status.Addresses {
			if a.Type == "InternalIP" {
				all = append(all, ingress{IP: a.Address})
			}
		}
	}
	slices.SortFunc(all, func(a, b ingress) int { return cmp.Compare(a.IP, b.IP) })
	return all
}
