package ports

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestReportPolicies: a policy that is not enforced here is told of once, on itself, and
// by the status command as long as it is so.
func TestReportPolicies(t *testing.T) {
	p, api, _ := published(t)
	look := func() (lines []node.Problem) {
		t.Helper()
		if err := p.reportPolicies(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := node.NotePolicies.Load(&lines); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	if lines := look(); len(lines) > 0 {
		t.Errorf("without policies: %v", lines)
	}
	api.Has(netpolicy.Policies, `{"items":[{"metadata":{"namespace":"shop","name":"deny","uid":"d"}}]}`)
	for range 2 {
		lines := look()
		if len(lines) != 1 || !strings.Contains(lines[0].Fault.String(), "1 NetworkPolicy:") || lines[0].Remedy.String() != "install it on every node, control planes first: apt-get install podsec-k8s-network-policy" {
			t.Errorf("%+v", lines)
		}
	}
	if want := []string{"NotEnforced: node m1 does not enforce it, because podsec-k8s-network-policy is not installed there"}; !slices.Equal(events(api), want) {
		t.Errorf("told: %q", events(api))
	}
	p.policies.reported = map[string]bool{}
	api.Refuses("POST /api/v1/namespaces/shop/events", 409) // a publisher that was started again
	look()
	p.policies.absent = func() bool { return false }
	if lines := look(); len(lines) > 0 {
		t.Errorf("it is enforced, and yet: %v", lines)
	}
}
