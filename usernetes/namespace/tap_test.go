package namespace

import (
	"context"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestWatchTap: a device that nobody carries packets for is lost.
func TestWatchTap(t *testing.T) {
	if err := tapRuns(); err == nil {
		t.Error("a device that is not there runs")
	}
	ip(t, "link add "+node.TapDevice+" type veth peer name stack0", "link set "+node.TapDevice+" up", "link set stack0 up")
	ctx, cancel := context.WithCancel(t.Context())
	lost := make(chan error, 1)
	if err := watchTap(ctx, func(err error) { lost <- err; cancel() }); err != nil {
		t.Fatal(err)
	}
	if err := tapStays(ctx); err != nil {
		t.Errorf("%v", err)
	}
	ip(t, "link delete stack0")
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "no service carries packets for tap0") {
		t.Errorf("%v", err)
	}
}
