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
// order, and the Makefile runs the scenarios of each that no upgrade leads to.
func TestGenerationsAreThoseOfTheProgram(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^GENERATIONS := (.*)$`).FindSubmatch(makefile)
	if line == nil {
		t.Fatal("the Makefile has no GENERATIONS")
	}
	var names, tested []string
	for _, g := range Tested() {
		tested = append(tested, g.Name)
	}
	for _, g := range All() {
		names = append(names, g.Name)
		minor, err := deps.MinorOf(g.Kubernetes)
		if err != nil || minor.Version != g.Name || minor.Version != g.Minor() || minor.KubeadmAPI != g.KubeadmAPI || minor.PauseTag != g.Pause {
			t.Errorf("%+v is none of %+v: %v", g, minor, err)
		}
	}
	var known []string
	for _, m := range deps.Minors() {
		known = append(known, m.Version)
	}
	if made := strings.Fields(string(line[1])); !slices.Equal(names, known) || !slices.Equal(tested, made) {
		t.Errorf("the generations of the tests are %q, those of the program %q; make test has %q of them, and the Makefile %q", names, known, tested, made)
	}
}

// TestUpgrades: each generation that make test has is upgraded within its minor and
// to the next one, and each other one is what such an upgrade leads to.
func TestUpgrades(t *testing.T) {
	upgraded := map[string]bool{}
	for _, list := range [][]Upgrade{Patches(), Minors()} {
		var from []string
		for _, u := range list {
			was, is := named(t, u.From), named(t, u.To)
			if was.Kubernetes != "v"+u.From || is.Kubernetes != "v"+u.To || was.Suite != is.Suite {
				t.Errorf("%+v: %+v, %+v", u, was, is)
			}
			from, upgraded[is.Name] = append(from, was.Minor()), true
		}
		var tested []string
		for _, g := range Tested() {
			tested = append(tested, g.Name)
		}
		if !slices.Equal(from, tested) {
			t.Errorf("%q are upgraded, %q are tested", from, tested)
		}
	}
	for _, g := range All() {
		if g.Upgraded && !upgraded[g.Name] {
			t.Errorf("no upgrade leads to %s", g.Name)
		}
	}
}

func named(t *testing.T, name string) Generation {
	t.Helper()
	g, err := Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestNamed: a generation is found by its minor and by a version, and another
// version of it has packages of its own names.
func TestNamed(t *testing.T) {
	for _, c := range []struct{ name, found, kubernetes, prefix string }{
		{"", "1.26", "v1.26.3", "kubernetes-"},
		{"1.34", "1.34", "v1.34.4", "kubernetes1.34-"},
		{"1.34.4", "1.34", "v1.34.4", "kubernetes1.34-"},
		{"1.34.3", "1.34.3", "v1.34.3", "kubernetes1.34-"},
		{"1.26.13", "1.26.13", "v1.26.13", "kubernetes1.26-"},
	} {
		if g := named(t, c.name); g.Name != c.found || g.Kubernetes != c.kubernetes || g.Prefix != c.prefix {
			t.Errorf("%q: %+v", c.name, g)
		}
	}
	if _, err := Named("1.34.9"); err == nil || !strings.Contains(err.Error(), "1.26.13") {
		t.Errorf("a version that there is not: %v", err)
	}
}
