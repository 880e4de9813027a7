package node

import (
	"net/netip"
	"strings"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	n := Node{IP: netip.MustParseAddr("192.0.2.10")}
	if err := CheckAddress(n, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.0.2.10/24")}); err != nil {
		t.Error(err)
	}
	err := CheckAddress(n, []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")})
	if err == nil || err.Remedy.Empty() || !strings.Contains(err.Error(), "192.0.2.10") {
		t.Errorf("a changed address: %v", err)
	}
}

func TestParseRoutes(t *testing.T) {
	routes, device, _ := parseRoutes([]byte(`[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"192.0.2.0/24","dev":"eth0"},{"dst":"10.9.9.9","dev":"eth1"}]`))
	if len(routes) != 1 || routes[0].String() != "192.0.2.0/24" || device != "eth0" {
		t.Errorf("got %v, %q", routes, device)
	}
	_, _, source := parseRoutes([]byte(`[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","prefsrc":"198.51.100.7"},{"dst":"default","dev":"eth1","prefsrc":"192.0.2.3"}]`))
	if source.String() != "198.51.100.7" {
		t.Errorf("the default route's source is %v", source)
	}
}
