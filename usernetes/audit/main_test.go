package audit

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a /var/lib and a /run of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	os.Exit(m.Run())
}
