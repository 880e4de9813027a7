package usernetes

import (
	"net"
	"net/netip"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A moving is what one run of a change of the node's address knows.
type moving struct {
	record steps.Move
	tell   Tell
}

// phaseMoved is the phase after which the node runs by its new address, and does not
// go back.
const phaseMoved = "moved"

// moveBack is what the node goes back to.
func moveBack() wayBack { return wayBack{node.MovedDir} }

func (m *moving) has(phase string) bool { return m.record.Has(phase) }

func (m *moving) begin(string) error { return nil }

func (m *moving) end(p Phase) error {
	if p.Once {
		m.record.Done = append(m.record.Done, p.Name)
	}
	return m.record.Save()
}

// node is the node as it is to be. Done again, it changes nothing.
func (m *moving) node(n node.Node) node.Node {
	n.IP = m.record.To
	if address, err := netip.ParseAddr(n.Endpoint); err == nil && address == m.record.From {
		n.Endpoint = m.record.To.String()
	}
	if name, _, err := net.SplitHostPort(m.record.Server); err == nil {
		n.Endpoint = name
	}
	return n
}

// text is a text of the node with the new address.
func (m *moving) text(of []byte) []byte { return readdressed(of, m.record.From, m.record.To) }

// kubeletConf is the kubelet's kubeconfig, which leads to where the cluster is.
func (m *moving) kubeletConf(before []byte) ([]byte, error) {
	if m.record.Server == "" {
		return m.text(before), nil
	}
	return kubeadm.WithServer(before, "https://"+m.record.Server)
}
