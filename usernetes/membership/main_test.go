package membership

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a network and a /var/lib of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}
