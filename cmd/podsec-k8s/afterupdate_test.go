package main

import "testing"

func TestStoppedByUpdate(t *testing.T) {
	for _, c := range []struct {
		name       string
		job        string
		down, busy bool
		want       bool
	}{
		{"an update", "stop", false, true, true},
		{"an administrator", "stop", false, false, false},
		{"a restart by an update", "restart", false, true, false},
		{"it ended by itself", "", false, true, false},
		{"the machine goes down", "stop", true, true, false},
	} {
		if got := stoppedByUpdate(c.job, c.down, c.busy); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
