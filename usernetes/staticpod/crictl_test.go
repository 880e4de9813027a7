package staticpod

import (
	"strings"
	"testing"
)

// TestAsksForPart: kubeadm's own question about an image that no node needs, and nothing
// else.
func TestAsksForPart(t *testing.T) {
	for call, want := range map[string]bool{
		"-r unix:///run/crio/crio.sock inspecti r.example:5000/kube-apiserver:v1.26.13": true,
		"-r unix:///run/crio/crio.sock inspecti r.example/etcd:3.5.6-0":                 true,
		"-r unix:///run/crio/crio.sock inspecti r.example/kube-proxy:v1.26.13":          true,
		"-r unix:///run/crio/crio.sock inspecti r.example/coredns:v1.9.3":               false,
		"-r unix:///run/crio/crio.sock inspecti r.example/pause:3.9":                    false,
		"-r unix:///run/crio/crio.sock pull r.example/kube-apiserver:v1.26.13":          false,
		"inspecti r.example/kube-apiserver:v1.26.13":                                    false,
		"-r unix:///run/crio/crio.sock info":                                            false,
	} {
		if got := asksForPart(strings.Fields(call)); got != want {
			t.Errorf("%s: %v", call, got)
		}
	}
}
