package staticpod

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// pod is the manifest of a component with these arguments.
func pod(name, args string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: kube-system}\nspec:\n  hostNetwork: true\n  containers:\n  - {name: " + name + ", image: x, command: [" + name + args + "]}\n"
}

// followed plays a machine with a node, and returns a follower of its manifests.
func followed(t *testing.T) (*follower, *played.Systemd) {
	t.Helper()
	noNode(t)
	s := played.Start(t)
	t.Setenv("XDG_RUNTIME_DIR", s.Dir)
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), Kubernetes: "v1.26.3", ImageRepository: "registry.example"}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(manager.Close)
	return &follower{manager: manager, node: n}, s
}

// TestSync: services begin and end with their manifests, and are restarted where
// these have changed. Each has a stand-in meanwhile.
func TestSync(t *testing.T) {
	f, s := followed(t)
	const etcd, api = "u7s-etcd.service", "u7s-kube-apiserver.service"
	step := func(what string, want ...string) {
		t.Helper()
		before := len(s.Calls())
		f.sync(t.Context())
		if calls := s.Calls()[before:]; !slices.Equal(calls, want) {
			t.Errorf("%s: asked for %q, want %q", what, calls, want)
		}
		for _, name := range []string{Etcd, "kube-apiserver"} { // as their units do when they start
			if m, err := ReadManifest(name); err == nil {
				if err := saveDigest(name, m.Digest); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	step("nothing")
	roottest.WriteFile(t, ManifestFile(Etcd), pod(Etcd, ""))
	roottest.WriteFile(t, ManifestFile("kube-apiserver"), pod("kube-apiserver", ""))
	step("two manifests", "start "+etcd, "start "+api)
	for _, name := range []string{Etcd, "kube-apiserver"} {
		if text, err := os.ReadFile(standInFile(name)); err != nil || !strings.Contains(string(text), "registry.example/pause") {
			t.Errorf("the stand-in of %s: %q, %v", name, text, err)
		}
	}
	step("as before")
	roottest.WriteFile(t, ManifestFile(Etcd), pod(Etcd, ", --new"))
	step("another etcd", "restart "+etcd)
	for _, name := range []string{Etcd, "kube-apiserver"} {
		if err := os.Remove(ManifestFile(name)); err != nil {
			t.Fatal(err)
		}
	}
	step("both gone", "stop "+api, "stop "+etcd)
	if _, err := os.Stat(standInFile(Etcd)); !os.IsNotExist(err) {
		t.Errorf("a stand-in is left: %v", err)
	}
	if lines := ManifestFaults(); len(lines) > 0 {
		t.Errorf("found: %+v", lines)
	}
}

// TestSyncFinds what is no manifest, and keeps no other waiting.
func TestSyncFinds(t *testing.T) {
	f, s := followed(t)
	roottest.WriteFile(t, ManifestFile(Etcd), "spec: {}\n")
	roottest.WriteFile(t, ManifestFile("kube-scheduler"), pod("kube-scheduler", ""))
	roottest.WriteFile(t, node.StatePath(node.ManifestsDir)+"/web.txt", "")
	f.sync(t.Context())
	if calls := s.Calls(); !slices.Equal(calls, []string{"start u7s-kube-scheduler.service"}) {
		t.Errorf("asked for %q", calls)
	}
	lines := ManifestFaults()
	if len(lines) != 2 || !strings.Contains(lines[0].Fault.String(), "etcd.yaml: ") || !strings.HasSuffix(lines[1].Fault.String(), "web.txt: its name is not that of a manifest") {
		t.Errorf("found: %+v", lines)
	}
	f.node.Kubernetes = "v0.1.0"
	f.sync(t.Context())
	if lines := ManifestFaults(); len(lines) != 3 {
		t.Errorf("a node without a pause image: %+v", lines)
	}
}

// TestFollowManifests: a manifest is followed as soon as it is written, and the end
// is no fault.
func TestFollowManifests(t *testing.T) {
	_, s := followed(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- FollowManifests(ctx) }()
	for _, err := os.Stat(s.Dir + "/u7s/manifests.json"); err != nil; _, err = os.Stat(s.Dir + "/u7s/manifests.json") {
		time.Sleep(time.Millisecond)
	}
	roottest.WriteFile(t, ManifestFile(Etcd), pod(Etcd, ""))
	for len(s.Calls()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	noNode(t)
	if err := FollowManifests(t.Context()); !node.IsMissing(err) {
		t.Errorf("without a node: %v", err)
	}
}
