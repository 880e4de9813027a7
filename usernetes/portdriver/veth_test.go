package portdriver

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestVethLeads: the root service leads what may come to any address of the
// namespaces; the rest goes by the port driver beside it.
func TestVethLeads(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), Network: node.VethMode}
	v := &vethPorts{beside: Driver{Node: n}}
	for want, p := range map[string]Port{
		"30001 for []":        {Proto: "tcp", Number: 80, Target: 30001},
		"80 for [10.0.0.0/8]": {Proto: "tcp", Number: 80, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		"192.0.2.10:80":       {Proto: "tcp", Number: 80, Child: n.IP},
		"192.0.2.10:30001":    {Address: netip.MustParseAddr("198.51.100.7"), Proto: "tcp", Number: 80, Target: 30001},
		"10.244.0.9:8080":     {Address: netip.MustParseAddr("127.0.0.1"), Proto: "tcp", Number: 80, Child: netip.MustParseAddr("10.244.0.9"), Target: 8080},
	} {
		if got := v.Lead(p); got != want {
			t.Errorf("%s leads to %q, want %q", p.Key(), got, want)
		}
	}
}
