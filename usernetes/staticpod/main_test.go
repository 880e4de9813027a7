package staticpod

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests mounts, a /var/lib and a /run of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	os.Exit(m.Run())
}

// noNode begins a test without any state.
func noNode(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
}
