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
		if n.Mode() != c.mode || n.Device() != c.device || n.FlannelInterface() != c.flannel {
			t.Errorf("%q: %s, %s, %s", c.network, n.Mode(), n.Device(), n.FlannelInterface())
		}
	}
	if Modes()[0] != (Node{}).Mode() {
		t.Error("the first mode is not the default")
	}
}
