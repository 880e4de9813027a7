package preflight

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// checkNodeName refuses names that kubeadm takes, too, and no other machine of
// the cluster may have, or none at all. A name is the value of the label
// kubernetes.io/hostname, so all of it may only be as long as one.
// Source: the kubelet's initialNode; the Kubernetes documentation, "Labels and
// Selectors".
func checkNodeName(_ Facts, n node.Node) error {
	const remedy = "set a name for the machine: hostnamectl set-hostname NAME; or for its node: --node-name NAME"
	switch {
	case n.Name == "":
		return host.NewFault(remedy, "this machine has no name, so its node has none")
	case !node.IsName(n.Name) && len(n.Name) <= node.MaxLabel:
		return host.NewFault(remedy, "%q is not a valid node name: use lower-case letters, digits, dots, and hyphens between them", n.Name)
	case len(n.Name) > node.MaxLabel:
		return host.NewFault(remedy, "the name %q has %d characters; the maximum for a node is %d", shortened(n.Name), len(n.Name), node.MaxLabel)
	case isLocalhost(n.Name):
		return host.NewFault(remedy, "%s is the default name of every machine, so it cannot be the name of a node", n.Name)
	}
	return nil
}

// shortened cuts a name that is far too long to be read.
func shortened(name string) string {
	if len(name) <= node.MaxName {
		return name
	}
	return strings.ToValidUTF8(name[:node.MaxName], "") + "…"
}

// isLocalhost reports whether a name means the machine that uses it.
// Source: RFC 6761, section 6.3; the /etc/hosts of distributions.
func isLocalhost(name string) bool {
	first, _, _ := strings.Cut(name, ".")
	special := []string{"localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback"}
	return slices.Contains(special, first) || strings.HasSuffix(name, ".localhost")
}

// checkNodeIP asks for an IPv4 address of this machine that others can reach.
func checkNodeIP(f Facts, n node.Node) error {
	if endpoint, err := netip.ParseAddr(n.Endpoint); err == nil && endpoint.Is6() {
		return host.NewFault("specify an endpoint with an IPv4 address, or a name that has one: NAME:PORT",
			"the cluster's endpoint %s is an IPv6 address, but a node reaches only IPv4 addresses", endpoint)
	}
	others := ipv4Addresses(f.Addresses)
	if len(others) == 0 {
		return host.NewFault("add an address, see ip -4 address, and a route to the other machines",
			"this machine has no IPv4 address that other machines can reach, and podsec-k8s needs IPv4")
	}
	remedy := message.Of("specify an address of this machine: --node-ip %s", strings.Join(others, ", "))
	switch {
	case !n.IP.IsValid():
		return &host.Fault{Err: message.Errorf("this machine has no IPv4 default route, from which the node's address would be taken"), Remedy: remedy}
	case n.IP.Is6():
		return &host.Fault{Err: message.Errorf("the node's address %s is not an IPv4 address, but the cluster's networks are IPv4", n.IP), Remedy: remedy}
	case !slices.Contains(others, n.IP.String()):
		return &host.Fault{Err: message.Errorf("%s is not an address of this machine that other machines can reach", n.IP), Remedy: remedy}
	}
	return nil
}

// IdentityFindings looks only at what a node is called and where it is, which
// kubeadm would refuse in words of its own.
func IdentityFindings(f Facts, n node.Node, ignore []string) []Finding {
	findings := Run([]Check{{"node-name", checkNodeName}, {"node-ip", checkNodeIP}, {"networks", CheckNetworks}}, f, n, ignore)
	return slices.DeleteFunc(findings, func(one Finding) bool { return one.Fault == (*host.Fault)(nil) })
}
