package services

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestCRIOGetsLogins by the name of their file, never what is in it.
func TestCRIOGetsLogins(t *testing.T) {
	n := node.Node{Kubernetes: "v1.26.3", ImageRepository: "r.test"}
	without, err := crio(n)
	if args := strings.Join(without.Args, " "); err != nil || strings.Contains(args, "auth") {
		t.Errorf("got %q, %v", args, err)
	}
	n.ImageAuthFile = "/etc/podsec-k8s/auth.json"
	with, err := crio(n)
	if args := strings.Join(with.Args, " "); err != nil || !strings.Contains(args, "--global-auth-file=/etc/podsec-k8s/auth.json") || !strings.Contains(args, "--pause-image-auth-file=/etc/podsec-k8s/auth.json") {
		t.Errorf("got %q, %v", args, err)
	}
}
