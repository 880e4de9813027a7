package node

import (
	"net/netip"
	"testing"
)

// TestNodeComesBack: what was saved is read again.
func TestNodeComesBack(t *testing.T) {
	noNode(t)
	if _, err := LoadNode(); !IsMissing(err) {
		t.Errorf("without a node: %v", err)
	}
	n := Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), Kubernetes: "v1.26.3", ImageRepository: "registry.example/k8s"}
	if err := n.Save(); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadNode(); err != nil || got != n {
		t.Errorf("%+v, %v", got, err)
	}
	minor, err := n.Minor()
	if image, errImage := n.PauseImage(); err != nil || errImage != nil || image != "registry.example/k8s/pause:"+minor.PauseTag {
		t.Errorf("%q, %v, %v", image, err, errImage)
	}
	if _, err := (Node{Kubernetes: "v1.2.3"}).PauseImage(); err == nil {
		t.Error("a Kubernetes that there is none of has an image")
	}
}
