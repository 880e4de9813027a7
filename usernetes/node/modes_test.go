package node

import (
	"net/netip"
	"testing"
)

// TestMode: each has its device, and flanneld takes that of veth by the address.
func TestMode(t *testing.T) {
	for _, c := range []struct{ network, mode, device, flannel string }{
		{"", SlirpMode, TapDevice, TapDevice},
		{SlirpMode, SlirpMode, TapDevice, TapDevice},
		{PastaMode, PastaMode, TapDevice, TapDevice},
		{VethMode, VethMode, "u7s1", "192.0.2.10"},
	} {
		n := Node{IP: netip.MustParseAddr("192.0.2.10"), Network: c.network}
		if m := n.Mode(); m.Name != c.mode || m.Device != c.device || n.FlannelInterface() != c.flannel {
			t.Errorf("%q: %s, %s, %s", c.network, m.Name, m.Device, n.FlannelInterface())
		}
	}
}

// TestMTU: a stack in user space takes what it was told, and in the mode veth the
// machine's device decides.
func TestMTU(t *testing.T) {
	for _, c := range []struct {
		mode, ip string
		want     int
	}{
		{SlirpMode, "127.0.0.1", 1500},
		{PastaMode, "127.0.0.1", 1500},
		{VethMode, "127.0.0.1", 65536},
		{VethMode, "192.0.2.99", 0},
	} {
		n := Node{Network: c.mode, IP: netip.MustParseAddr(c.ip), MTU: 1500}
		if got := n.Mode().MTU(n); got != c.want {
			t.Errorf("%s at %s: %d", c.mode, c.ip, got)
		}
	}
}
