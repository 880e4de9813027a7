package main

import (
	"strings"
	"testing"
)

// TestLimitOf: an entry holds for its generations and networks, and for all that it
// does not name.
func TestLimitOf(t *testing.T) {
	all, err := readLimits([]byte(`
- {test: '^\[sig-node\] .*QoS', cause: machine, why: no controllers}
- {test: 'NFS', generations: ["1.26"], networks: [veth], cause: nature, why: no mounts}
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ test, generation, network, want string }{
		{"[sig-node] Pods have a QoS class", "1.34", "pasta", byMachine},
		{"[sig-apps] Pods have a QoS class", "1.34", "pasta", ""},
		{"[sig-storage] NFS", "1.26", "veth", byNature},
		{"[sig-storage] NFS", "1.34", "veth", ""},
		{"[sig-storage] NFS", "1.26", "slirp4netns", ""},
	} {
		got := ""
		if l := limitOf(all, c.test, c.generation, c.network); l != nil {
			got = l.Cause
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestReadLimitsRefuses: no entry goes without its cause and its reason.
func TestReadLimitsRefuses(t *testing.T) {
	for text, word := range map[string]string{
		"- {test: x, cause: rain, why: y}":          "rain",
		"- {test: x, cause: machine}":               "reason",
		"- {cause: machine, why: y}":                "name",
		"- {test: '(', cause: machine, why: y}":     "missing closing",
		"- {tset: x, cause: machine, why: y}":       "tset",
		"- {test: x, cause: machine, why: y, a: b}": "field a",
	} {
		if _, err := readLimits([]byte(text)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestListOfThisCheckout can be read; an empty one too.
func TestListOfThisCheckout(t *testing.T) {
	for _, text := range [][]byte{cannot, nil} {
		if _, err := readLimits(text); err != nil {
			t.Error(err)
		}
	}
}
