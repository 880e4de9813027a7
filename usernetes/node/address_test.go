package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
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

// TestHostAddresses: all of the machine's but that of the end which leads to the
// node, and the way out.
func TestHostAddresses(t *testing.T) {
	for _, line := range []string{
		"link add u7s0 type veth peer name eth9", "address add 10.41.0.253/30 dev u7s0", "address add 192.0.2.10/24 dev eth9",
		"link set u7s0 up", "link set eth9 up", "route add default via 192.0.2.1",
	} {
		if err := (host.Command{Path: "ip", Args: strings.Fields(line)}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var v4 []string
	for _, prefix := range HostAddresses() {
		if prefix.Addr().Is4() {
			v4 = append(v4, prefix.String())
		}
	}
	if want := []string{"127.0.0.1/8", "192.0.2.10/24"}; !slices.Equal(v4, want) {
		t.Errorf("%q", v4)
	}
	routes, source := HostRoutes()
	if len(routes) != 1 || routes[0].String() != "192.0.2.0/24" || source.String() != "192.0.2.10" {
		t.Errorf("%v, %s", routes, source)
	}
	t.Setenv("PATH", t.TempDir())
	if routes, source := HostRoutes(); routes != nil || source.IsValid() {
		t.Errorf("without ip: %v, %s", routes, source)
	}
}
