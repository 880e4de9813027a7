package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestHelperLinksNoGiants keeps the helper small and quick to start: rpmpack is
// for the build, and Kubernetes is spoken to through its own programs.
func TestHelperLinksNoGiants(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		for _, giant := range []string{"github.com/goreleaser/", "github.com/google/rpmpack", "k8s.io/", "sigs.k8s.io/"} {
			if strings.HasPrefix(path, giant) {
				t.Errorf("the helper links %s", path)
			}
		}
	}
}
