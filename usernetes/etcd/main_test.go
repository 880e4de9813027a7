package etcd

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests a network and a /var/lib of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}

// machine begins a test on a machine whose node's state is these files, by the
// node's paths.
func machine(t *testing.T, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(node.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		roottest.WriteFile(t, node.StatePath(path), text)
	}
}
