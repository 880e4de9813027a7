package generation

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// TestGenerationsAreThoseOfTheProgram: what the program knows is tested, in its
// order, and the Makefile runs the scenarios of each.
func TestGenerationsAreThoseOfTheProgram(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^GENERATIONS := (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile has no GENERATIONS")
	}
	var names []string
	for _, g := range All() {
		names = append(names, g.Name)
		minor, err := deps.MinorOf(g.Kubernetes)
		if err != nil || minor.Version != g.Name || minor.KubeadmAPI != g.KubeadmAPI || minor.PauseTag != g.Pause {
			t.Errorf("%+v is none of %+v: %v", g, minor, err)
		}
	}
	var known []string
	for _, m := range deps.Minors() {
		known = append(known, m.Version)
	}
	if made := strings.Fields(string(line[1])); !slices.Equal(names, known) || !slices.Equal(names, made) {
		t.Errorf("the generations of the tests are %q, those of the program %q, and those of the Makefile %q", names, known, made)
	}
}
