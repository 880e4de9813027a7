package steps

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a /var/lib of their own, where the node's state is.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}

// noNode begins a test without any state.
func noNode(t *testing.T) {
	t.Helper()
	clean := func() {
		if err := os.RemoveAll("/var/lib/u7s-admin"); err != nil {
			t.Fatal(err)
		}
	}
	clean()
	t.Cleanup(clean)
}
