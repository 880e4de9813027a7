package usernetes

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/units"
)

// TestPolicies: a node that runs enforces policies from then on, or no more; one that
// does not run is left alone.
func TestPolicies(t *testing.T) {
	s := playSite(t)
	for _, do := range []func() error{func() error { return EnforcePolicies(t.Context()) }, func() error { return DropPolicies(t.Context()) }} {
		if err := do(); err != nil || len(s.systemd.Calls()) > 0 {
			t.Errorf("without a node: %q, %v", s.systemd.Calls(), err)
		}
	}
	s.systemd.Set(units.RootlessKit, played.Properties{"ActiveState": "active"})
	s.systemd.Set(units.Policy, played.Properties{"ActiveState": "active"})
	if err := EnforcePolicies(t.Context()); err != nil || !slices.Contains(s.systemd.Calls(), "restart "+units.Policy) {
		t.Errorf("%q, %v", s.systemd.Calls(), err)
	}
	if err := DropPolicies(t.Context()); err != nil || !slices.Contains(s.systemd.Calls(), "stop "+units.Policy) {
		t.Errorf("%q, %v", s.systemd.Calls(), err)
	}
	ran, err := os.ReadFile(s.dir + "/log")
	if err != nil || !strings.Contains(string(ran), "unit clear-policies\n") {
		t.Errorf("in the node ran %q, %v", ran, err)
	}
}
