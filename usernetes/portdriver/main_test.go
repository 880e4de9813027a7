package portdriver

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a /run of their own, where the service of the mode
// veth listens.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/run")
	os.Exit(m.Run())
}
