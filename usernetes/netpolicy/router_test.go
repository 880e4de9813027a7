package netpolicy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestKubeRouter: it is the firewall alone, and opens no port.
func TestKubeRouter(t *testing.T) {
	cmd := kubeRouter(node.Node{Name: "m1", ServiceCIDR: netip.MustParsePrefix("10.96.0.0/12")})
	for _, want := range []string{
		"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--service-cluster-ip-range=10.96.0.0/12", "--health-port=0", "--metrics-port=0",
	} {
		if !slices.Contains(cmd.Args, want) {
			t.Errorf("%q lacks %s", cmd.Args, want)
		}
	}
	if !slices.Contains(cmd.Env, "NODE_NAME=m1") {
		t.Error("it may take another node for its own")
	}
}
