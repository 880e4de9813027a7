package ports

import (
	"cmp"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// wantedPorts lists the ports that Services and this node's Pods ask for on
// the machine's addresses. Of two that ask for the same, the older one has
// it; the other's Fault says so.
func wantedPorts(m machineState) []portdriver.Port {
	slices.SortStableFunc(m.services, func(a, b kubeapi.Service) int { return older(a.Metadata, b.Metadata) })
	slices.SortStableFunc(m.pods, func(a, b kubeapi.Pod) int { return older(a.Metadata, b.Metadata) })
	w := wanted{taken: map[string]kubeapi.Object{}, asked: map[string]bool{}}
	for _, p := range portdriver.FixedPorts(m.node) {
		w.taken[p.Key()] = kubeapi.Object{}
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
	ports []portdriver.Port
	taken map[string]kubeapi.Object // by key: who has it
	asked map[string]bool           // by owner and key
}

// add appends ports. Of two ways in which one owner asks for the same port the
// first counts.
func (w *wanted) add(ports ...portdriver.Port) {
	for _, p := range ports {
		if w.asked[p.OwnerKey()] {
			continue
		}
		w.asked[p.OwnerKey()] = true
		other, taken := w.taken[p.Key()]
		switch {
		case !p.Fault.Empty():
		case taken:
			p.Fault = message.Of("it belongs to %s", other)
		case p.Proto == "sctp":
			p.Fault = message.Of("SCTP is not published: use TCP or UDP")
		default:
			w.taken[p.Key()] = p.Owner
		}
		w.ports = append(w.ports, p)
	}
}

func older(a, b kubeapi.Metadata) int {
	return cmp.Or(cmp.Compare(a.CreationTimestamp, b.CreationTimestamp), cmp.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
}

// A portChange is what has to be done to the ports that are open.
type portChange struct {
	close []portdriver.OpenPort
	open  []portdriver.Port
}

// changePorts compares the ports that are open with those that are wanted.
// One that leads elsewhere now is closed and opened again. The node's own are
// left alone.
func changePorts(n node.Node, open []portdriver.OpenPort, wanted []portdriver.Port, lead func(portdriver.Port) string) (c portChange) {
	want, have := map[string]string{}, map[string]bool{}
	for _, p := range wanted {
		if p.Fault.Empty() {
			want[p.Key()] = lead(p)
		}
	}
	own := map[string]bool{}
	for _, p := range portdriver.FixedPorts(n) {
		own[p.Key()] = true
	}
	for _, p := range open {
		if to, ok := want[p.Key]; own[p.Key] || ok && to == p.Lead {
			have[p.Key] = true
			continue
		}
		c.close = append(c.close, p)
	}
	for _, p := range wanted {
		if p.Fault.Empty() && !have[p.Key()] {
			c.open = append(c.open, p)
		}
	}
	return c
}

// ReadyAddresses lists the addresses of the nodes that are ready, in order.
func ReadyAddresses(nodes []kubeapi.ClusterNode) []kubeapi.Ingress {
	var all []kubeapi.Ingress
	for _, n := range nodes {
		if !n.Ready() {
			continue
		}
		for _, a := range n.Status.Addresses {
			if a.Type == "InternalIP" {
				all = append(all, kubeapi.Ingress{IP: a.Address})
			}
		}
	}
	slices.SortFunc(all, func(a, b kubeapi.Ingress) int { return cmp.Compare(a.IP, b.IP) })
	return all
}
