package ports

import (
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// podPorts lists the host ports of a pod that runs or is going to.
// Source: the Kubernetes API reference, ContainerPort; the kubelet's
// pkg/kubelet/kuberuntime/kuberuntime_sandbox.go, which maps the ports of
// containers alone.
func (m machineState) podPorts(p kubeapi.Pod) (all []portdriver.Port) {
	if standIn(p) || p.Ended() {
		return nil
	}
	add := func(containers []kubeapi.Container, of func(kubeapi.Pod, kubeapi.ContainerPort) []portdriver.Port) {
		for _, c := range containers {
			for _, one := range c.Ports {
				if one.HostPort != 0 {
					all = append(all, of(p, one)...)
				}
			}
		}
	}
	if p.Spec.HostNetwork {
		add(slices.Concat(p.Spec.Containers, p.Spec.InitContainers), m.declared)
		return all
	}
	add(p.Spec.Containers, m.hostPort)
	add(p.Spec.InitContainers, initPort)
	return all
}

// declared is a port of a pod with the node's network. What it listens on is
// its own choice; a loopback address that it declares says that others are
// not meant.
func (m machineState) declared(p kubeapi.Pod, c kubeapi.ContainerPort) []portdriver.Port {
	if !everyAddress(c.HostIP) && c.HostIP != m.node.IP.String() {
		return nil
	}
	one := portdriver.Port{Proto: protocol(c.Protocol), Number: c.HostPort, Owner: p.Metadata.Object("Pod")}
	for _, l := range m.listeners {
		if l.Pod == p.KubeletUID() && l.Proto == one.Proto && l.Number == one.Number && l.Address == m.node.IP {
			one.Child = l.Address
		}
	}
	return []portdriver.Port{one}
}

// hostPort is a host port of a pod with a network of its own. CRI-O serves one
// of all addresses on every address that is local in the namespaces, and one of
// a certain address on that alone: that one leads to the pod itself.
// Source: CRI-O's internal/hostport.
func (m machineState) hostPort(p kubeapi.Pod, c kubeapi.ContainerPort) []portdriver.Port {
	one := portdriver.Port{Proto: protocol(c.Protocol), Number: c.HostPort, Owner: p.Metadata.Object("Pod")}
	if c.HostIP == "" || c.HostIP == "0.0.0.0" {
		return []portdriver.Port{one}
	}
	address := m.node.IP // "::", which CRI-O serves for pods with an IPv6 address alone
	if !everyAddress(c.HostIP) {
		var err error
		if address, err = netip.ParseAddr(c.HostIP); err != nil {
			one.Fault = message.Of("hostIP %q is not an address", c.HostIP)
			return []portdriver.Port{one}
		}
	}
	one = m.on(address, one)
	switch {
	case !address.Is4():
		one.Fault = message.Of(onlyIPv4)
	case !m.has(address):
		one.Fault = noAddress(c.HostIP)
	default:
		podIP, err := netip.ParseAddr(p.Status.PodIP)
		if err != nil { // it has none yet
			return nil
		}
		one.Child, one.Target = podIP, c.ContainerPort
	}
	return []portdriver.Port{one}
}

// initPort is a host port of an init container, for which no rootful node
// does anything either.
func initPort(p kubeapi.Pod, c kubeapi.ContainerPort) []portdriver.Port {
	return []portdriver.Port{{
		Proto: protocol(c.Protocol), Number: c.HostPort, Owner: p.Metadata.Object("Pod"),
		Fault: message.Of("the kubelet ignores host ports of init containers: set the port in a container of the pod"),
	}}
}

// maxListeners bounds the ports of one pod that are published because it
// listens there.
const maxListeners = 256

// listeningPorts lists the ports that a pod with the node's network listens
// on, declared or not.
func (m machineState) listeningPorts(p kubeapi.Pod) (all []portdriver.Port) {
	if !p.Spec.HostNetwork || standIn(p) || p.Ended() {
		return nil
	}
	for _, l := range m.listeners {
		if l.Pod != p.KubeletUID() {
			continue
		}
		one := portdriver.Port{Proto: l.Proto, Number: l.Number, Child: l.Address, Owner: p.Metadata.Object("Pod")}
		if l.Address.IsValid() {
			one = m.on(l.Address, one)
		}
		if len(all) == maxListeners {
			one.Fault = message.Of("the pod listens on more than %d ports: declare the ports that it needs", maxListeners)
			return append(all, one)
		}
		all = append(all, one)
	}
	return all
}
