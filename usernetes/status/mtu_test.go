package status

import (
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestEcho: who is there answers packets of every size, and nobody else does.
func TestEcho(t *testing.T) {
	here, nowhere := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("192.0.2.99")
	for _, size := range []int{smallEcho, 60000} {
		if err := echo(t.Context(), here, size); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err := echo(t.Context(), nowhere, size); err == nil {
			t.Errorf("%d bytes: nobody has answered", size)
		}
	}
	if faults := checkPaths(t.Context(), 60000, []netip.Addr{here, nowhere}); len(faults) > 0 {
		t.Errorf("%v", faults[0])
	}
	// More than a packet can have is lost, while small ones are not.
	if faults := checkPaths(t.Context(), 70000, []netip.Addr{here, nowhere}); len(faults) != 1 {
		t.Errorf("%v", faults)
	}
}

// TestLargestPacket: a stack in user space takes what it was told, and in the mode
// veth the machine's device decides.
func TestLargestPacket(t *testing.T) {
	for _, c := range []struct {
		mode, ip string
		want     int
	}{
		{node.SlirpMode, "127.0.0.1", 1500},
		{node.VethMode, "127.0.0.1", 65536},
		{node.VethMode, "192.0.2.99", smallEcho},
	} {
		if got := largestPacket(node.Node{Network: c.mode, IP: netip.MustParseAddr(c.ip), MTU: 1500}); got != c.want {
			t.Errorf("%s at %s: %d", c.mode, c.ip, got)
		}
	}
}
