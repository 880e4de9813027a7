package usernetes

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestRunUnit: a service needs a node, and what helps one is known by its name.
func TestRunUnit(t *testing.T) {
	s := playSite(t)
	for _, name := range []string{"crio", "cri-o"} {
		if err := RunUnit(t.Context(), name, nil); !node.IsMissing(err) {
			t.Errorf("%s without a node: %v", name, err)
		}
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"cri-o": "there is no service", "enter": "specify a program to run in the node", "stop": "reading the time-out"} {
		if err := RunUnit(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
