package ports

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// standIn reports whether a pod stands for a service of the control plane,
// whose ports are the node's.
func standIn(p kubeapi.Pod) bool { return p.Metadata.Annotations[staticpod.DigestAnnotation] != "" }

// everyAddress reports whether a hostIP means all addresses of the machine.
func everyAddress(hostIP string) bool {
	return slices.Contains([]string{"", "0.0.0.0", "::"}, hostIP)
}

// A listener is a socket on which a pod with the node's network takes what
// comes from outside.
type listener struct {
	Pod     string // the uid by which the kubelet knows it
	Proto   string
	Number  int
	Address netip.Addr // of the machine; the zero value is every address
}

// sortKey puts a listener on every address before one on a single address.
func (l listener) sortKey() string {
	return fmt.Sprintf("%s %s %05d %t %s", l.Pod, l.Proto, l.Number, l.Address.IsValid(), l.Address)
}

// A machineState is what ports are decided by.
type machineState struct {
	node      node.Node
	addresses []netip.Addr // of the machine
	services  []kubeapi.Service
	pods      []kubeapi.Pod // of this node
	listeners []listener    // sockets of pods with the node's network
}

// has reports whether an address is the machine's. Every loopback address is.
func (m machineState) has(address netip.Addr) bool {
	return address == m.node.IP || address.IsLoopback() || slices.Contains(m.addresses, address)
}

// protocol is the API's, as ports have it.
func protocol(name string) string { return strings.ToLower(cmp.Or(name, "TCP")) }

// on puts a port on an address of the machine.
func (m machineState) on(address netip.Addr, p portdriver.Port) portdriver.Port {
	if address != m.node.IP {
		p.Address = address
	}
	return p
}

// noAddress words that a port is asked for on an address that the machine
// lacks.
func noAddress(address string) message.Text {
	return message.Of("this machine does not have the address %s: add it (ip address add) or specify another one", address)
}

// onlyIPv4 words that a port is asked for on an IPv6 address.
const onlyIPv4 message.Format = "a node publishes no ports on IPv6 addresses: use an IPv4 address"
