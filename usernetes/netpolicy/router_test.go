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

// TestNoteSync: what is wrong is told until it is right again, and of a package that is
// not installed nothing is.
func TestNoteSync(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	for fault, want := range map[string]int{"Failed to run\x1b iptables-restore": 1, "": 0} {
		noteSync(fault)
		var lines []node.Problem
		if err := node.NotePolicySync.Load(&lines); err != nil || len(lines) != want {
			t.Errorf("%q: %+v, %v", fault, lines, err)
		}
		if want > 0 && lines[0].Fault.String() != "not all NetworkPolicies are enforced as they are now: Failed to run iptables-restore" {
			t.Errorf("it says %q", lines[0].Fault)
		}
	}
	noteSync("x")
	if lines := Faults(); lines != nil {
		t.Errorf("it is not installed, and yet: %v", lines)
	}
}
