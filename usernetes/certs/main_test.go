package certs

import (
	"os"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// TestMain gives the tests a network, a /var/lib and a /run of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	os.Exit(m.Run())
}
