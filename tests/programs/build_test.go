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

// TestStamps: a program shows its version, and its commit where that is known.
func TestStamps(t *testing.T) {
	flags := stamps("v1.26.3", "9e64")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.26.3 ", "-X k8s.io/client-go/pkg/version.gitMinor=26 ",
		"-X k8s.io/component-base/version.gitCommit=9e64 ",
	} {
		if !strings.Contains(flags+" ", want) {
			t.Errorf("%q lacks %q", flags, want)
		}
	}
	if flags := stamps("v1.34.4", ""); strings.Contains(flags, "gitCommit") {
		t.Errorf("%q names a commit", flags)
	}
}

// TestSuiteVersions: the suite's own sources say which ginkgo runs it, and which
// sample-apiserver it asks for.
func TestSuiteVersions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"require (\n\tgithub.com/onsi/ginkgo/v2 v2.21.0\n\tgithub.com/onsi/gomega v1.35.1\n)", "v2.21.0"},
		{`configs[APIServer] = Config{list.PromoterE2eRegistry, "sample-apiserver", "1.29.2"}`, "v0.29.2"},
	} {
		found := false
		for _, tool := range suiteTools() {
			version, ok := tool.versionIn([]byte(c.text))
			found = found || ok && version == c.want
		}
		if !found {
			t.Errorf("%s: nothing is of %s", c.text, c.want)
		}
	}
}
