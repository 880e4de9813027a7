package main

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"create-master", "join", "reset", "status", "token", "host", "deps"}
	for given, want := range map[string]string{
		"satus": "status", "statsu": "status", "rest": "reset", "create-mastr": "create-master", "tokens": "token",
		"": "", "x": "", "frobnicate": "", "upgrade": "", "delete": "",
	} {
		if got := nearest(given, names); got != want {
			t.Errorf("%q is near %q, want %q", given, got, want)
		}
	}
}
