package services

import (
	"context"
	"net/netip"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestAwaitAddress: the machine's is there at once, and for another it waits no longer
// than it may.
func TestAwaitAddress(t *testing.T) {
	n := node.Node{IP: netip.MustParseAddr("127.0.0.1")}
	if err := awaitAddress(t.Context(), n); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.IP = netip.MustParseAddr("192.0.2.99")
	if err := awaitAddress(ctx, n); err == nil {
		t.Error("an address that is not the machine's")
	}
}
