package status

import (
	"net/netip"
	"testing"
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
