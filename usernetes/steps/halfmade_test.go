package steps

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// write makes a file and the folders above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

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
		write(t, node.StatePath(path), "")
		if !HalfMade() {
			t.Errorf("with %s nothing is half made", path)
		}
	}
}
