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
