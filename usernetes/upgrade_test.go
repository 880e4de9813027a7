package usernetes

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// noProgress is nobody who looks on.
type noProgress struct{}

func (noProgress) Begin(int, int, message.Format) {}
func (noProgress) End(time.Duration, bool)        {}

// noNode begins a test without any state.
func noNode(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
}

// TestWayBack: what kubeadm writes is saved, whatever of it there is, and comes back.
func TestWayBack(t *testing.T) {
	noNode(t)
	manifest := staticpod.ManifestFile("kube-apiserver")
	before := map[string]string{
		node.NodeFile: "{}", manifest: "old manifest", node.StatePath("/etc/kubernetes/pki/etcd/server.key"): "old key",
		node.StatePath(node.AdminConf): "old conf", node.StatePath("/var/lib/kubelet/config.yaml"): "old config",
	}
	for path, text := range before {
		roottest.WriteFile(t, path, text)
	}
	other := node.StatePath("/var/lib/kubelet/pki/kubelet.key")
	roottest.WriteFile(t, other, "kept")
	u := &upgrading{}
	if err := u.saveWayBack(t.Context(), &Work{}); err != nil {
		t.Fatal(err)
	}
	names, err := upgradeBack().names()
	if err != nil || len(names) != 4 || names[3] != node.ManifestsDir+"/kube-apiserver.yaml" {
		t.Errorf("saved are %q, %v", names, err)
	}
	for path := range before {
		if path != node.NodeFile {
			roottest.WriteFile(t, path, "new")
		}
	}
	if err := os.Remove(manifest); err != nil { // as kubeadm does for a moment
		t.Fatal(err)
	}
	roottest.WriteFile(t, other, "renewed meanwhile")
	if err := upgradeBack().putBack(); err != nil {
		t.Fatal(err)
	}
	for path, text := range before {
		if got, err := host.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is %q, %v", path, got, err)
		}
	}
	if got, _ := host.ReadFile(other); string(got) != "renewed meanwhile" {
		t.Errorf("the kubelet's own key is %q", got)
	}
	if err := errors.Join(upgrade.Forget(), putObjectsBack(t.Context())); err != nil {
		t.Error(err)
	}
	if upgradeBack().putBack() == nil {
		t.Error("what is forgotten comes back")
	}
}

// TestUpgradePhasesAreNoted: a phase that is done once is not done again, and the one that
// was begun is known.
func TestUpgradePhasesAreNoted(t *testing.T) {
	noNode(t)
	if err := host.MkdirAll(node.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	var ran []string
	fault := errors.New("no")
	phase := func(name string, once bool, err error) Phase {
		return Phase{Name: name, Once: once, Run: func(context.Context, *Work) error { ran = append(ran, name); return err }}
	}
	u := &upgrading{record: upgrade.Record{From: "v1.34.3", To: "v1.34.4"}}
	err := u.run(t.Context(), []Phase{phase("a", false, nil), phase(phaseSave, true, nil), phase(phaseKubeadm, true, fault)}, &Work{Out: io.Discard}, noProgress{})
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), "phase kubeadm") {
		t.Error(err)
	}
	r, err := upgrade.LoadRecord()
	if err != nil || r.Begun != phaseKubeadm || !slices.Equal(r.Done, []string{phaseSave}) {
		t.Errorf("%+v, %v", r, err)
	}
	u = &upgrading{record: r}
	if err := u.run(t.Context(), []Phase{phase("a", false, nil), phase(phaseSave, true, nil), phase(phaseKubeadm, true, nil)}, &Work{Out: io.Discard}, noProgress{}); err != nil {
		t.Error(err)
	}
	if want := []string{"a", phaseSave, phaseKubeadm, "a", phaseKubeadm}; !slices.Equal(ran, want) {
		t.Errorf("ran %q", ran)
	}
}

// TestNeededPrograms: a node needs those of its version, and of the one that it may go
// back to.
func TestNeededPrograms(t *testing.T) {
	noNode(t)
	if got, err := AskPrograms(); err != nil || got != nil {
		t.Errorf("without a node: %q, %v", got, err)
	}
	if err := (node.Node{Name: "m1", Kubernetes: "v1.34.4"}).Save(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    upgrade.Record
		want string
	}{
		{upgrade.Record{}, "v1.34.4"},
		{upgrade.Record{From: "v1.34.3", To: "v1.34.4", Finished: true}, "v1.34.4 v1.34.3"},
		{upgrade.Record{From: "v1.34.4", To: "v1.35.4"}, "v1.34.4 v1.35.4"},
	} {
		if err := c.r.Save(); err != nil {
			t.Fatal(err)
		}
		if got, err := AskPrograms(); err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %q, %v", c.r, got, err)
		}
	}
}
