package portdriver

import (
	"cmp"
	"fmt"
	"net/netip"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Port is one of the machine that leads into the namespaces, and what it is
// for. It is only data.
type Port struct {
	Address netip.Addr     // of the machine; the zero value is the node's own
	Proto   string         // tcp or udp
	Number  int            //
	Child   netip.Addr     // in the namespaces; the zero value is any address that is local there
	Target  int            // at that address; 0 means the same number
	Sources []netip.Prefix // whose clients are let in; nil means all
	Owner   kubeapi.Object // the zero value is the node itself
	Fault   message.Text   // why it is not open, nothing when it is
	Note    message.Text   // what is different from a rootful node though it is open
}

// Key tells ports of the machine apart, and is how people read them.
func (p Port) Key() string {
	if p.Address.IsValid() {
		return fmt.Sprintf("%s/%s", netip.AddrPortFrom(p.Address, uint16(p.Number)), p.Proto)
	}
	return host.PortName(p.Number, p.Proto)
}

// OwnerKey tells ports apart of which one may have several owners.
func (p Port) OwnerKey() string { return p.Owner.UID + " " + p.Key() }

// TargetPort is where in the namespaces the port leads.
func (p Port) TargetPort() int { return cmp.Or(p.Target, p.Number) }

// byRoot reports whether the root service leads the port, in a mode where it
// opens ports: to the address of the namespaces' device. What needs another address
// there has RootlessKit's port driver.
func (p Port) byRoot() bool { return !p.Address.IsValid() && !p.Child.IsValid() }

// ByRoot reports whether the root service leads the port: it lets in the clients
// alone that the port is for.
func ByRoot(n node.Node, p Port) bool { return n.Mode().Ports == node.ServicePorts && p.byRoot() }

// KeepsSource reports whether what listens in the namespaces sees the source
// address of the port's clients. RootlessKit's port driver keeps those of TCP, but at
// a Service's own address kube-proxy takes whoever is no pod for the node.
// Source: rootlesskit's docs/port.md; kube-proxy's pkg/proxy/iptables/proxier.go,
// "masquerade".
func KeepsSource(n node.Node, p Port) bool {
	ofService := p.Owner.Kind == "Service" && p.Child.IsValid() && p.Child != n.IP
	return ByRoot(n, p) || p.Proto == "tcp" && !ofService
}

// An OpenPort is one that is open now.
type OpenPort struct {
	Key  string // of the port
	Lead string // where it leads, in the words of the driver that opened it
	ID   int    // by which that driver closes it
	root bool   // the root service has opened it
}
