package hostfs

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests mounts of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn()
	os.Exit(m.Run())
}
