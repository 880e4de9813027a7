package usernetes

import (
	"cmp"
	"slices"
)

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

// A portChange is what has to be done to the ports that are open.
type portChange struct {
	close []openPort
	open  []port
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
