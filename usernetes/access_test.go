package usernetes

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestAskAccess: root is told what there is, and on a control plane how its
// administrator asks.
func TestAskAccess(t *testing.T) {
	s := playSite(t)
	ask := func() NodeAccess {
		t.Helper()
		a, err := AskAccess()
		if err != nil || a.Check() != nil {
			t.Errorf("%v, %v", err, a.Check())
		}
		return a
	}
	if a := ask(); a.Begun || a.Running {
		t.Errorf("no node: %+v", a)
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	if a := ask(); !a.Begun || !a.Running || a.Member {
		t.Errorf("begun: %+v", a)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	if err := os.Remove(namespace.ChildPIDFile()); err != nil {
		t.Fatal(err)
	}
	if a := ask(); a.Running || !a.Member || a.Master {
		t.Errorf("a worker that is stopped: %+v", a)
	}
	roottest.WriteFile(t, node.RemovedFile, "{}")
	if a := ask(); a.Member {
		t.Errorf("a worker that was removed: %+v", a)
	}
	if err := os.Remove(node.RemovedFile); err != nil {
		t.Fatal(err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	if a := ask(); !a.Master || !a.Access.Equal(s.api.Access()) {
		t.Errorf("a control plane: %v", a.Master)
	}
	roottest.WriteFile(t, node.StatePath(node.AdminConf), "{}")
	if _, err := AskAccess(); err == nil {
		t.Error("an administrator without a cluster")
	}
	if err := (NodeAccess{Begun: true, Name: "$(x)"}).Check(); err == nil {
		t.Error("a name that is none")
	}
}
