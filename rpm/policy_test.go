package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cavaliergopher/rpm"
)

// TestPolicyPackage makes the package around a file that stands for kube-router, whose
// own build takes minutes, and reads it back.
func TestPolicyPackage(t *testing.T) {
	r := testRequest(t, "1.26")
	r.Package, r.Release = policyPackage, releaseOf("1.26")
	p, err := Describe(r)
	if err != nil {
		t.Fatal(err)
	}
	router := filepath.Join(t.TempDir(), p.Program.Name)
	if err := os.WriteFile(router, []byte("router"), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := p.rpm(router)
	if err != nil {
		t.Fatal(err)
	}
	made, err := rpm.Read(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	docs := "/usr/share/doc/" + policyPackage + "-" + r.Version
	want := []string{
		"-rw-r--r-- /lib/modules-load.d/podsec-k8s-network-policy.conf", "-rwxr-xr-x /usr/libexec/podsec-k8s/kube-router",
		"drwxr-xr-x " + docs, "-rw-r--r-- " + docs + "/LICENSE", "-rw-r--r-- " + docs + "/network-policy.md",
	}
	var got []string
	for _, f := range made.Files() {
		got = append(got, fmt.Sprint(f.Mode(), " ", f.Name()))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	checkPolicyRelations(t, made, r)
	for name, text := range map[string]string{"post": made.PostInstallScript(), "preun": made.PreUninstallScript()} {
		if want := "exec /usr/bin/podsec-k8s scriptlet policy-" + name + ` "$1"` + "\n"; text != want {
			t.Errorf("%s is %q", name, text)
		}
	}
	if made.PreInstallScript()+made.PostUninstallScript() != "" {
		t.Error("a scriptlet runs where the helper may not be there")
	}
}

// checkPolicyRelations: it goes with podsec-k8s of the same build, and comes after it.
func checkPolicyRelations(t *testing.T, made *rpm.Package, r Request) {
	t.Helper()
	var got []string
	for _, d := range made.Requires() {
		got = append(got, fmt.Sprintf("%s %#x %s-%s", d.Name(), d.Flags(), d.Version(), d.Release()))
	}
	equal := fmt.Sprintf("podsec-k8s %#x %s-%s", rpm.DepFlagEqual|int(Post|Preun), r.Version, r.Release)
	if !slices.Contains(got, equal) {
		t.Errorf("%q lacks %q", got, equal)
	}
	for _, name := range []string{"ipset", "iptables"} {
		if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, name+" ") }) {
			t.Errorf("%q lacks %s", got, name)
		}
	}
}

// TestPinnedRouter: the version is the one that go.mod pins.
func TestPinnedRouter(t *testing.T) {
	if version, err := pinnedRouter(".."); err != nil || !strings.HasPrefix(version, "v2.") {
		t.Errorf("%q, %v", version, err)
	}
	source := t.TempDir()
	if _, err := pinnedRouter(source); err == nil {
		t.Error("there is no go.mod")
	}
	if err := os.MkdirAll(filepath.Join(source, routerFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"module x\nrequire (\n\t" + routerModule + " v2.9.9 // indirect\n)\n": "v2.9.9",
		"module x\nrequire " + routerModule + " v2.9.8\n":                     "v2.9.8",
		"module x\n": "",
	} {
		if err := os.WriteFile(filepath.Join(source, routerFolder, "go.mod"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if version, err := pinnedRouter(source); version != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v", text, version, err)
		}
	}
}
