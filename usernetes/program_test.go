package usernetes

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
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

// TestProgram: each service of a node has its command line.
func TestProgram(t *testing.T) {
	s := playSite(t)
	for name, want := range map[string]string{
		"crio":       "--pause-image=registry.example/pause:",
		"kube-proxy": "--config=" + node.ProxyFile + " --hostname-override=m1",
		"kubelet":    "--config=/var/lib/kubelet/config.yaml --seccomp-default --node-ip=192.0.2.10",
	} {
		roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/config.yaml"), "kind: KubeletConfiguration\n")
		roottest.WriteFile(t, node.StatePath("/var/lib/kubelet/kubeadm-flags.env"), "KUBELET_KUBEADM_ARGS=\"--node-ip=192.0.2.10\"\n")
		p, err := program(name, s.node)
		if args := strings.Join(p.Args, " "); err != nil || p.Name != name || !strings.Contains(args, want) {
			t.Errorf("%s: %q, %v", name, args, err)
		}
	}
	if _, err := program("x", s.node); err == nil {
		t.Error("a service that there is none of")
	}
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if _, err := program("kubelet", s.node); err == nil {
		t.Error("kubeadm has written nothing")
	}
	if err := RunUnit(t.Context(), "crio", ""); !node.IsMissing(err) {
		t.Errorf("without a node: %v", err)
	}
}
