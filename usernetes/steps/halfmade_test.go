package steps

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestHalfMade: anything that kubeadm writes says that it has begun.
func TestHalfMade(t *testing.T) {
	noNode(t)
	if HalfMade() {
		t.Error("nothing is half made")
	}
	if err := os.MkdirAll(node.StatePath("/etc/kubernetes/pki"), 0o700); err != nil {
		t.Fatal(err)
	}
	if HalfMade() {
		t.Error("an empty folder is half made")
	}
	for _, path := range append(kubeadmFiles(), "/etc/kubernetes/pki/ca.crt", node.ManifestsDir+"/etcd.yaml") {
		noNode(t)
		roottest.WriteFile(t, node.StatePath(path), "")
		if !HalfMade() {
			t.Errorf("with %s nothing is half made", path)
		}
	}
}
