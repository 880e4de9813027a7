package namespace

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestProgramTitle(t *testing.T) {
	for want, p := range map[string]Program{
		"kubeadm init":            {"kubeadm", []string{"init", "--config=/x"}},
		"skopeo copy":             {"skopeo", []string{"copy", "--quiet", "docker-archive:/x"}},
		"kubectl":                 {"kubectl", []string{"--namespace=x", "rollout"}},
		"kubeadm token create":    {"kubeadm", []string{"token", "create", "extra", "--ttl"}},
		"podsec-k8s unit answers": {node.Self, []string{"unit", "answers"}},
		"kubeadm token delete":    {"kubeadm", []string{"token", "delete", "abcdef.0123456789abcdef"}},
	} {
		if got := p.Title(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
