package programs

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestToolchain: a toolchain is a directory, or the name of one that the Go module
// proxy has.
func TestToolchain(t *testing.T) {
	for _, c := range []struct{ goRoot, want, not string }{
		{"", "GOWORK=off", "GOROOT="},
		{"/usr/lib/go-1.19", "GOROOT=/usr/lib/go-1.19", "GOTOOLCHAIN="},
		{"go1.20.14", "GOTOOLCHAIN=go1.20.14", "GOROOT="},
	} {
		t.Setenv("GOROOT", "")
		t.Setenv("GOTOOLCHAIN", "")
		env := slices.DeleteFunc(builder{goRoot: c.goRoot}.environment(nil), func(v string) bool { return strings.HasSuffix(v, "=") })
		if !slices.Contains(env, c.want) || slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, c.not) }) {
			t.Errorf("%q: %q", c.goRoot, env)
		}
	}
}

// TestUpgradesShareProjects: the versions of an upgrade differ in Kubernetes, and in
// CoreDNS, which kubeadm upgrades as well; all else is built once.
func TestUpgradesShareProjects(t *testing.T) {
	for _, u := range slices.Concat(generation.Patches(), generation.Minors()) {
		var built [2]map[string]string
		for i, name := range []string{u.From, u.To} {
			g, err := generation.Named(name)
			if err != nil {
				t.Fatal(err)
			}
			built[i] = map[string]string{}
			for _, p := range projects(g) {
				built[i][p.name] = p.version + p.goRoot
			}
		}
		for name, from := range built[0] {
			differs := built[1][name] != from
			if differs && name != "kubernetes" && name != "coredns" || !differs && name == "kubernetes" {
				t.Errorf("%+v: %s is %q, then %q", u, name, from, built[1][name])
			}
		}
	}
}
