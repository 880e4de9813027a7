package host

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
)

func TestUnitState(t *testing.T) {
	unmetPath := [][]any{
		{"ConditionUser", false, false, "u7s-admin", int32(1)},
		{"ConditionPathExists", false, false, "/var/lib/x", int32(-1)},
	}
	for _, c := range []struct {
		name       string
		properties map[string]any
		unmet      string
		skipped    bool
		up         bool
	}{
		{"runs", map[string]any{"ActiveState": "active", "ConditionResult": true, "Conditions": [][]any{{"ConditionUser", false, false, "x", int32(1)}}}, "", false, true},
		{"reloads", map[string]any{"ActiveState": "reloading"}, "", false, true},
		{"never started", map[string]any{"ActiveState": "inactive", "ConditionResult": false, "Conditions": [][]any{{"ConditionUser", false, false, "x", int32(0)}}}, "", false, false},
		{"skipped", map[string]any{"ActiveState": "inactive", "ConditionResult": false, "Conditions": unmetPath}, "ConditionPathExists=/var/lib/x", true, false},
		{"skipped by a negation", map[string]any{"ActiveState": "inactive", "ConditionResult": false, "Conditions": [][]any{{"ConditionHost", true, true, "m1", int32(-1)}}}, "ConditionHost=|!m1", true, false},
		{"of a form that is not known", map[string]any{"ActiveState": 7, "Conditions": "nonsense", "ConditionResult": false}, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := unitState(c.properties)
			if s.Unmet != c.unmet || s.Skipped() != c.skipped || s.Up() != c.up {
				t.Errorf("got %+v, skipped %v, up %v", s, s.Skipped(), s.Up())
			}
		})
	}
}

// TestManagerSays: what a manager says of units, of its jobs and of itself.
func TestManagerSays(t *testing.T) {
	s, m := managed(t)
	ctx := t.Context()
	if state, err := m.State(ctx, "a.service"); err != nil || !state.Idle() || state.Up() {
		t.Errorf("a unit that is not loaded: %+v, %v", state, err)
	}
	s.Set("a.service", played.Properties{"ActiveState": "active", "SubState": "running", "MainPID": uint32(7), "NRestarts": uint32(2), "StatusText": "well\x1b"})
	state, err := m.State(ctx, "a.service")
	if err != nil || !state.Up() || state.PID != 7 || state.Restarts != 2 || state.Status != Printable("well\x1b") {
		t.Errorf("%+v, %v", state, err)
	}
	if u, err := m.Loaded(ctx, "a.service"); err != nil || u.Load != "loaded" || !u.Runs() {
		t.Errorf("%+v, %v", u, err)
	}
	for system, want := range map[string]bool{"running": false, "stopping": true} {
		s.SetState(system)
		if ending, err := m.Ending(ctx); err != nil || ending != want {
			t.Errorf("%s: ending %v, %v", system, ending, err)
		}
	}
	s.SetFile("a.service", "enabled")
	for unit, want := range map[string]UnitFileState{"a.service": "enabled", "b.service": ""} {
		if file, err := m.File(ctx, unit); err != nil || file != want {
			t.Errorf("%s: %q, %v", unit, file, err)
		}
	}
	s.SetFile("b.service", "masked")
	if file, err := m.File(ctx, "*.service"); err == nil {
		t.Errorf("of several files: %q", file)
	}
}
