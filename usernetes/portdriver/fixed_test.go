package portdriver

import (
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestFixedPorts: a worker has two, a control plane its API's, and those of etcd
// where there may be several.
func TestFixedPorts(t *testing.T) {
	for _, c := range []struct {
		name string
		node func(*node.Node)
		want []string
	}{
		{"worker", func(n *node.Node) { n.APIPort = 0 }, []string{"10250/tcp", "8472/udp"}},
		{"control plane", func(*node.Node) {}, []string{"10250/tcp", "8472/udp", "6443/tcp"}},
		{"one of several", func(n *node.Node) { n.EtcdPeers = true }, []string{
			"10250/tcp", "8472/udp", "6443/tcp", "2379/tcp", "2380/tcp",
		}},
	} {
		n := testNode("")
		c.node(&n)
		var got []string
		for _, p := range FixedPorts(n) {
			got = append(got, p.Key())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
