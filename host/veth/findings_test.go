package veth

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

// texts joins what was found, for a test to look into.
func texts(faults []*host.Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.Error()+" -> "+f.Remedy.String())
	}
	return strings.Join(all, "\n")
}

// TestFindings: what is wrong with the link is found by its note, with what
// helps.
func TestFindings(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	if got := texts(Findings(t.Context(), state)); !strings.HasPrefix(got, "the node is not connected to the machine's network -> systemctl start podsec-k8s-net.socket") {
		t.Errorf("no note: %s", got)
	}
	if err := os.WriteFile(state, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := texts(Findings(t.Context(), state)); !strings.HasSuffix(got, "it does not have the form that podsec-k8s writes -> systemctl restart podsec-k8s-net") {
		t.Errorf("a broken note: %s", got)
	}
	s := startServer(t, filepath.Join(t.TempDir(), "state"))
	startNode(t).attach()
	s.mutex.Lock() // nobody mends it meanwhile
	defer s.mutex.Unlock()
	machine(t, "link set u7s0 down", "route delete default")
	defer machine(t, "route add default via 192.0.2.1")
	if err := os.RemoveAll(nftState); err != nil {
		t.Fatal(err)
	}
	got := texts(Findings(t.Context(), s.State))
	for _, want := range []string{
		"u7s0 is down -> " + mendRemedy,
		"the nftables table podsec_k8s was deleted or changed -> " + mendRemedy,
		"the machine has lost its default route, so it reaches only its own networks -> ip route add default via 192.0.2.1 dev eth0",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("not found: %s\n%s", want, got)
		}
	}
}

// TestRouteFindings: an address of the machine's is reached, and reaches its
// neighbours.
func TestRouteFindings(t *testing.T) {
	const anew = "restart the machine's network, or: ip address delete 192.0.2.10/24 dev eth0; ip address add 192.0.2.10/24 dev eth0"
	machine(t, "address add 198.51.100.7/32 dev eth1", "address add 203.0.113.1/24 dev eth1")
	defer machine(t, "address delete 198.51.100.7/32 dev eth1", "address delete 203.0.113.1/24 dev eth1")
	for _, whole := range []string{"192.0.2.10", "192.0.2.99", "198.51.100.7", "203.0.113.1"} {
		if got := texts(RouteFindings(netip.MustParseAddr(whole))); got != "" {
			t.Errorf("%s: %s", whole, got)
		}
	}
	for _, c := range []struct{ undo, redo, want string }{
		{
			"route delete local 192.0.2.10 dev eth0 table local", "route add local 192.0.2.10 dev eth0 table local proto kernel scope host src 192.0.2.10",
			"the machine has lost the local route of its address 192.0.2.10 -> " + anew,
		},
		{
			"route delete 192.0.2.0/24 dev eth0", "route add 192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.10",
			"the machine has lost the route to its own network 192.0.2.0/24 -> " + anew,
		},
	} {
		machine(t, c.undo)
		if got := texts(RouteFindings(nodeAddress)); got != c.want {
			t.Errorf("%s: %s, want %s", c.undo, got, c.want)
		}
		machine(t, c.redo)
	}
}
