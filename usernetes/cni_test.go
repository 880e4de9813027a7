package usernetes

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// TestBridgeNetwork: the pods have the node's part of the network, and its size of
// packets.
func TestBridgeNetwork(t *testing.T) {
	data, err := json.Marshal(bridgeNetwork(namespace.Lease{Subnet: netip.MustParsePrefix("10.244.1.0/24"), MTU: 1450}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bridge":"cni0"`, `"mtu":1450`, `"ranges":[[{"subnet":"10.244.1.0/24"}]]`, `"capabilities":{"portMappings":true}`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
	if err := RunUnit(t.Context(), "cni", nil); err == nil {
		t.Error("without a subnet")
	}
}
