package host

import (
	"slices"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
)

// TestEndScope: what runs is stopped, and what does not run needs nothing.
func TestEndScope(t *testing.T) {
	s, m := managed(t)
	scope := Scope{Unit: "u7s-run.scope"}
	if err := m.EndScope(t.Context(), scope); err != nil || len(s.Calls()) > 0 {
		t.Errorf("without a scope: %q, %v", s.Calls(), err)
	}
	s.Set(scope.Unit, played.Properties{"ActiveState": "active"})
	if err := m.EndScope(t.Context(), scope); err != nil || s.Active(scope.Unit) != "inactive" {
		t.Errorf("%s, %v", s.Active(scope.Unit), err)
	}
	s.Set(scope.Unit, played.Properties{"ActiveState": "active"})
	s.Ends("stop "+scope.Unit, "failed")
	if err := m.EndScope(t.Context(), scope); err != nil { // its last process has ended meanwhile
		t.Errorf("a scope that has gone by itself: %v", err)
	}
	s.Set(scope.Unit, played.Properties{"ActiveState": "active"})
	s.Ends("stop "+scope.Unit, "timeout")
	if err := m.EndScope(t.Context(), scope); err == nil {
		t.Error("a scope that runs on was ended")
	}
}

// TestBeginService: one that runs already is not started again.
func TestBeginService(t *testing.T) {
	s, m := managed(t)
	for range 2 {
		if err := m.BeginService(t.Context(), "u7s-return.service", "brings the node back", []string{"/bin/true"}); err != nil {
			t.Error(err)
		}
	}
	if calls := s.Calls(); !slices.Equal(calls, []string{"run u7s-return.service"}) {
		t.Errorf("%q", calls)
	}
}
