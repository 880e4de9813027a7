package namespace

import (
	"net/netip"
	"testing"
)

func TestParseSubnet(t *testing.T) {
	l, err := parseSubnet("FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=65470\nFLANNEL_IPMASQ=true\n")
	if err != nil || l.Subnet.String() != "10.244.3.0/24" || l.MTU != 65470 {
		t.Errorf("got %+v, %v", l, err)
	}
	for _, text := range []string{"", "FLANNEL_SUBNET=10.244.3.1/24\n", "FLANNEL_SUBNET=x\nFLANNEL_MTU=1\n"} {
		if _, err := parseSubnet(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestBridgeLink(t *testing.T) {
	got := BridgeLink(Lease{Subnet: netip.MustParsePrefix("10.244.3.0/24"), MTU: 1450})
	if got.Name != "cni0" || got.MTU != 1450 || got.HardwareAddr.String() != "0a:58:0a:f4:03:01" {
		t.Errorf("got %+v", got.LinkAttrs)
	}
}
