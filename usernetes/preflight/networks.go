package preflight

import (
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// ipv4Addresses lists the IPv4 addresses by which others reach the machine.
func ipv4Addresses(all []netip.Prefix) (found []string) {
	for _, p := range all {
		if ip := p.Addr(); ip.Is4() && ip.IsGlobalUnicast() && !slices.Contains(found, ip.String()) {
			found = append(found, ip.String())
		}
	}
	return found
}

// ipv4Networks finds the networks of the cluster that are not of IPv4: flannel
// and the namespaces' network are set up for that alone.
func ipv4Networks(ours []network) error {
	for _, one := range ours {
		if one.prefix.IsValid() && !one.prefix.Addr().Is4() {
			return host.NewFault("choose IPv4 networks: --pod-network-cidr, --service-cidr, SLIRP_CIDR in /etc/podsec-k8s/node.conf",
				"%s %s is not an IPv4 network, and podsec-k8s needs IPv4", one.name, one.prefix)
		}
	}
	return nil
}

// A network is a range of addresses and what it is for.
type network struct {
	name   message.Format
	prefix netip.Prefix
}

// CheckNetworks finds the first overlap of two networks of the cluster, or
// of one with a network of the host.
func CheckNetworks(f Facts, n node.Node) error {
	ours := []network{
		{"the pod network", n.PodCIDR}, {"the service network", n.ServiceCIDR}, {"RootlessKit's network", n.SlirpCIDR},
	}
	if err := ipv4Networks(ours); err != nil {
		return err
	}
	all := slices.Clone(ours)
	for _, p := range append(slices.Clone(f.Routes), f.Addresses...) {
		all = append(all, network{"the host's network", p.Masked()})
	}
	for i, a := range ours {
		for _, b := range all[i+1:] {
			if a.prefix.Overlaps(b.prefix) {
				return host.NewFault("choose other networks: --pod-network-cidr, --service-cidr, SLIRP_CIDR in /etc/podsec-k8s/node.conf",
					"%s %s overlaps %s %s", a.name, a.prefix, b.name, b.prefix)
			}
		}
	}
	return nil
}
