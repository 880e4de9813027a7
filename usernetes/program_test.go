package usernetes

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestKubeadmFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeadm-flags.env")
	text := "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///run/crio/crio.sock --enforce-node-allocatable= --node-ip=192.0.2.10\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags, err := kubeadmFlags(file)
	want := []string{"--container-runtime-endpoint=unix:///run/crio/crio.sock", "--enforce-node-allocatable=", "--node-ip=192.0.2.10"}
	if err != nil || !reflect.DeepEqual(flags, want) {
		t.Errorf("got %q, %v", flags, err)
	}
}

func TestSetsSeccomp(t *testing.T) {
	for text, want := range map[string]bool{
		"kind: KubeletConfiguration\nfailSwapOn: false\n":     false,
		"kind: KubeletConfiguration\nseccompDefault: true\n":  true,
		"kind: KubeletConfiguration\nseccompDefault: false\n": true,
		"kind: KubeletConfiguration\nseccompDefault:\n":       false,
		"# seccompDefault: true\n":                            false,
		": [":                                                 false, // the kubelet tells
	} {
		if got := setsSeccomp([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

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
