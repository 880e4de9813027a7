package steps

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMoveRecord: a change that was begun is a fault until it is forgotten, and what is
// damaged is told.
func TestMoveRecord(t *testing.T) {
	if err := host.MkdirAll(node.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if m, err := LoadMove(); err != nil || m.Begun() || HalfMoved() != nil {
		t.Errorf("%+v, %v", m, err)
	}
	a := netip.MustParseAddr("192.0.2.1")
	if err := (Move{From: a, To: a, Done: []string{"save"}}).Save(); err != nil {
		t.Fatal(err)
	}
	if m, err := LoadMove(); err != nil || !m.Begun() || !m.Has("save") || m.Has("files") {
		t.Errorf("%+v, %v", m, err)
	}
	if err := HalfMoved(); err == nil || !strings.Contains(err.Error(), "is not complete") {
		t.Error(err)
	}
	roottest.WriteFile(t, node.MovedPKI+"/ca.key", "secret")
	if err := ForgetMove(); err != nil || host.Exists(node.MovedPKI) || HalfMoved() != nil {
		t.Error(err)
	}
	roottest.WriteFile(t, node.MoveFile, "{")
	if HalfMoved() == nil {
		t.Error("a damaged record is taken")
	}
	if err := ForgetMove(); err != nil {
		t.Fatal(err)
	}
}
