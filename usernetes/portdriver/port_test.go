package portdriver

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestKeepsSource: only what the machine's kernel forwards keeps the address of
// its client.
func TestKeepsSource(t *testing.T) {
	for _, c := range []struct {
		mode string
		port Port
		want bool
	}{
		{node.VethMode, Port{}, true},
		{node.VethMode, Port{Address: netip.MustParseAddr("198.51.100.7")}, false},
		{node.VethMode, Port{Child: netip.MustParseAddr("10.244.0.9")}, false},
		{node.SlirpMode, Port{}, false},
		{node.PastaMode, Port{}, false},
	} {
		if got := KeepsSource(testNode(c.mode), c.port); got != c.want {
			t.Errorf("%s %+v: %v", c.mode, c.port, got)
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
