package host

import "testing"

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
