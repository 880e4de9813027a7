package portdriver

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestKeepsSource: of TCP all keep the address of a client, but kube-proxy at a
// Service's own address; of UDP only what the machine's kernel forwards does.
func TestKeepsSource(t *testing.T) {
	child, service := netip.MustParseAddr("10.244.0.9"), kubeapi.Object{Kind: "Service"}
	for _, c := range []struct {
		mode         string
		port         Port
		keeps, rules bool
	}{
		{node.VethMode, Port{Proto: "tcp"}, true, true},
		{node.VethMode, Port{Proto: "udp"}, true, true},
		{node.VethMode, Port{Proto: "udp", Address: netip.MustParseAddr("198.51.100.7")}, false, false},
		{node.VethMode, Port{Proto: "udp", Child: child}, false, false},
		{node.VethMode, Port{Proto: "tcp", Child: child}, true, false},
		{node.VethMode, Port{Proto: "tcp", Child: child, Owner: service}, false, false},
		{node.SlirpMode, Port{Proto: "tcp", Child: testNode("").IP, Owner: service}, true, false},
		{node.SlirpMode, Port{Proto: "tcp"}, true, false},
		{node.PastaMode, Port{Proto: "udp"}, false, false},
	} {
		n := testNode(c.mode)
		if keeps, rules := KeepsSource(n, c.port), ByRoot(n, c.port); keeps != c.keeps || rules != c.rules {
			t.Errorf("%s %+v: %v, %v", c.mode, c.port, keeps, rules)
		}
	}
}

// TestOwnerKey: one port may be asked for by several.
func TestOwnerKey(t *testing.T) {
	a, b := Port{Number: 80, Proto: "tcp", Owner: kubeapi.Object{UID: "a"}}, Port{Number: 80, Proto: "tcp", Owner: kubeapi.Object{UID: "b"}}
	if a.Key() != b.Key() || a.OwnerKey() == b.OwnerKey() {
		t.Errorf("%s %s, %s %s", a.Key(), b.Key(), a.OwnerKey(), b.OwnerKey())
	}
}
