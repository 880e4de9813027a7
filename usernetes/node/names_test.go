package node

import (
	"strings"
	"testing"
)

func TestNamesAndTheirLabels(t *testing.T) {
	label := strings.Repeat("a", MaxLabel)
	for name, want := range map[string]bool{
		label: true, label + "." + label: true, label + "a": false, label + "a.org": false,
		strings.Repeat(label+".", 3) + label: false, strings.Repeat(label+".", 3) + label[:61]: true, "": false,
	} {
		if IsName(name) != want {
			t.Errorf("%d characters, %.70q…: not %v", len(name), name, want)
		}
		if err := CheckHost(name); (err == nil) != want {
			t.Errorf("as a host %.70q…: %v", name, err)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for text, ok := range map[string]bool{
		"192.0.2.10:6443": true, "[2001:db8::1]:6443": true, "api.example.org:443": true, "API.example.org:443": true,
		"192.0.2.10": false, "api.example.org:0": false, "api.example.org:70000": false, "api.example.org:x": false, "$(x):1": false, "-x:1": false,
	} {
		if err := CheckEndpoint(text); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
