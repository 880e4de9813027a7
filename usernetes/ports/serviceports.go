package ports

import (
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// servicePorts lists every port that a Service has on an address of this
// machine: the node ports, that of the health check, and its own port on the
// addresses of its load balancer and its external addresses.
// Source: the Kubernetes API reference, ServiceSpec and ServiceStatus.
func (m machineState) servicePorts(s kubeapi.Service) (all []portdriver.Port) {
	owner := s.Metadata.Object("Service")
	if s.Spec.Type == "ExternalName" || s.Spec.ClusterIP == "None" { // kube-proxy serves neither
		return nil
	}
	for _, p := range s.Spec.Ports {
		if p.NodePort != 0 && (s.Spec.Type == "NodePort" || s.Spec.Type == "LoadBalancer") {
			all = append(all, m.limited(s, portdriver.Port{Proto: protocol(p.Protocol), Number: p.NodePort, Owner: owner}))
		}
		for _, address := range balancerAddresses(s, m) {
			all = append(all, m.restricted(s, m.lead(s, p, address)))
		}
		for _, text := range s.Spec.ExternalIPs {
			all = append(all, m.external(s, p, text)...)
		}
	}
	if s.Spec.HealthCheckNodePort != 0 {
		all = append(all, portdriver.Port{Proto: "tcp", Number: s.Spec.HealthCheckNodePort, Owner: owner})
	}
	return all
}

// balancerAddresses lists the addresses of this machine that a Service's load
// balancer has: one of ours is on every node, and on the address that it asks
// for; another's is where its status says.
func balancerAddresses(s kubeapi.Service, m machineState) (all []netip.Addr) {
	add := func(text string) {
		if address, err := netip.ParseAddr(text); err == nil && m.has(address) && !address.IsLoopback() && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	if s.Spec.Type != "LoadBalancer" {
		return nil
	}
	if s.Balanced() {
		all = append(all, m.node.IP)
		add(s.Spec.LoadBalancerIP)
		return all
	}
	for _, one := range s.Status.LoadBalancer.Ingress {
		if one.IPMode != "Proxy" { // kube-proxy leaves that to the balancer
			add(one.IP)
		}
	}
	return all
}

// external is a Service's port on one of its external addresses, when the
// machine has it.
func (m machineState) external(s kubeapi.Service, p kubeapi.ServicePort, text string) []portdriver.Port {
	address, err := netip.ParseAddr(text)
	if err != nil || !m.has(address) {
		return nil
	}
	return []portdriver.Port{m.limited(s, m.lead(s, p, address))}
}

// lead leads a Service's port on an address of the machine to where kube-proxy
// takes it: the node port, which it serves on every address; where there is
// none, the port on the node's address, of which it has been told by the
// Service; and for another address the Service's own.
// Source: kube-proxy's pkg/proxy/iptables/proxier.go, KUBE-SERVICES and
// KUBE-NODEPORTS.
func (m machineState) lead(s kubeapi.Service, p kubeapi.ServicePort, address netip.Addr) portdriver.Port {
	one := m.on(address, portdriver.Port{Proto: protocol(p.Protocol), Number: p.Port, Owner: s.Metadata.Object("Service")})
	switch {
	case !address.Is4():
		one.Fault = message.Of(onlyIPv4)
	case p.NodePort != 0:
		one.Target = p.NodePort
	case address == m.node.IP:
		one.Child = m.node.IP
	default:
		one.Child, _ = netip.ParseAddr(s.Spec.ClusterIP)
		if s.Spec.InternalTrafficPolicy == "Local" {
			one.Note = message.Of("only pods of this node answer there, because internalTrafficPolicy is Local: set node ports for the Service, or set Cluster")
		}
	}
	return one
}

// limited notes what a Service asks for and can't have where the source
// address of clients is lost.
func (m machineState) limited(s kubeapi.Service, p portdriver.Port) portdriver.Port {
	if !p.Fault.Empty() || !p.Note.Empty() || portdriver.KeepsSource(m.node, p) {
		return p
	}
	switch {
	case s.Spec.SessionAffinity == "ClientIP":
		p.Note = message.Of("all outside clients seem to be one client, so sessionAffinity sends them to one pod: %s", m.sourceRemedy(p))
	case s.Spec.ExternalTrafficPolicy == "Local":
		p.Note = message.Of("pods do not see the address of outside clients, although externalTrafficPolicy is Local: %s", m.sourceRemedy(p))
	}
	return p
}

// Where more is to be had.
const (
	byVeth     message.Format = "that requires a node with the network mode veth, see podsec-k8s(8)"
	byNodePort message.Format = "that requires a node port on the node's own address"
)

// sourceRemedy says how clients keep their source addresses.
func (m machineState) sourceRemedy(p portdriver.Port) message.Format {
	if p.Proto != "tcp" && m.node.Mode().Ports != node.ServicePorts {
		return byVeth
	}
	return byNodePort
}

// restricted lets only the clients in that a Service's load balancer is for. Where
// nobody tells them apart, none is let in rather than everybody.
func (m machineState) restricted(s kubeapi.Service, p portdriver.Port) portdriver.Port {
	sources, restricted := s.SourceRanges()
	switch {
	case !p.Fault.Empty() || !restricted:
		return m.limited(s, p)
	case m.node.Mode().Ports != node.ServicePorts:
		p.Fault = message.Of("loadBalancerSourceRanges cannot be checked: %s", byVeth)
	case !portdriver.ByRoot(m.node, p):
		p.Fault = message.Of("loadBalancerSourceRanges cannot be checked: %s", byNodePort)
	case len(sources) == 0:
		p.Fault = message.Of("loadBalancerSourceRanges has no IPv4 network: add one")
	default:
		p.Sources = sources
	}
	return p
}

// unknownAddresses lists the ports that Services ask for on an address that no
// node is known by and this machine does not have: another machine may have
// it, or none.
func (m machineState) unknownAddresses(nodes []kubeapi.ClusterNode) (all []portdriver.Port) {
	known := func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err != nil || m.has(address) || slices.ContainsFunc(nodes, func(n kubeapi.ClusterNode) bool { return n.At(address) })
	}
	for _, s := range m.services {
		texts := slices.Clone(s.Spec.ExternalIPs)
		if s.Balanced() && s.Spec.LoadBalancerIP != "" {
			texts = append(texts, s.Spec.LoadBalancerIP)
		}
		for _, text := range texts {
			if known(text) || s.Spec.Type == "ExternalName" || s.Spec.ClusterIP == "None" {
				continue
			}
			for _, p := range s.Spec.Ports {
				all = append(all, portdriver.Port{
					Address: netip.MustParseAddr(text), Proto: protocol(p.Protocol), Number: p.Port, Owner: s.Metadata.Object("Service"),
					Fault: message.Of("no machine is known to have that address: the port answers only where a machine of the cluster has it; see ip address add"),
				})
			}
		}
	}
	return all
}
