package services

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
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

func TestKubeletProbe(t *testing.T) {
	for config, want := range map[string]string{
		"":                            "127.0.0.1:10248",
		"healthzPort: 1":              "127.0.0.1:1",
		"healthzBindAddress: 0.0.0.0": "0.0.0.0:10248",
		"healthzPort: 0":              "",
		"healthzPort: [":              "",
	} {
		got := ""
		if p, known := kubeletProbe([]byte(config)); known {
			got = p.Address
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", config, got, want)
		}
	}
}
