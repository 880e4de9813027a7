package veth

import (
	"net/netip"
	"slices"
	"testing"
)

// TestGivenHasAForm: root takes no note for the server's that is none.
func TestGivenHasAForm(t *testing.T) {
	whole := func() given {
		return given{Link: testLink(), Ports: []Port{{Proto: "tcp", Number: 1, Target: 2}}}
	}
	if err := whole().check(); err != nil {
		t.Errorf("a note of the server's: %v", err)
	}
	for name, spoil := range map[string]func(*given){
		"device":  func(g *given) { g.Link.Device = "x; reboot" },
		"escape":  func(g *given) { g.Link.Device = "eth0\x1b[2J" },
		"address": func(g *given) { g.Link.Address = netip.MustParseAddr("fe80::1%$(x)") },
		"gateway": func(g *given) { g.Link.Default = netip.MustParseAddr("fe80::1%$(x)") },
		"subnet":  func(g *given) { g.Link.Subnet = netip.Prefix{} },
		"port":    func(g *given) { g.Ports[0].Proto = "tcp\x1b" },
		"number":  func(g *given) { g.Ports[0].Number = 0 },
		"ports":   func(g *given) { g.Ports = slices.Repeat(g.Ports, maxPorts+1) },
	} {
		g := whole()
		if spoil(&g); g.check() == nil {
			t.Errorf("%s: %+v is taken for a note of the server's", name, g)
		}
	}
}
