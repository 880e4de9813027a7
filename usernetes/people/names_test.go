package people

import (
	"errors"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestNames: nobody gets a name or group of Kubernetes itself, however it is written.
func TestNames(t *testing.T) {
	for _, name := range []string{"anna", "a", "anna.petrova", "ci-7", "7", strings.Repeat("a", 63), "system", "system.masters", "system-masters"} {
		if err := errors.Join(CheckName(name), CheckGroup(name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	var misuse *node.Misuse
	for _, name := range []string{
		"", ".", "-a", "a-", "a_b", "Anna", "анна", "anna petrova", "a/b", "a:b", strings.Repeat("a", 64), "anna\n", "a,b", "a\x00",
		"system:masters", "System:masters", "SYSTEM:MASTERS", " system:masters", "system:masters ", "system: masters", "system:", "\tsystem:masters", "system:masters\n",
		"system\uff1amasters", "system\u2236masters", "system\ua789masters", "s\u0443stem:masters", "syst\u0435m:masters", "system\u200b:masters", "\ufeffsystem:masters", "system%3Amasters", "ſystem:masters",
		"system:nodes", "system:node:m1", "system:serviceaccount:kube-system:default", "kubeadm:cluster-admins",
	} {
		if err := CheckName(name); !errors.As(err, &misuse) {
			t.Errorf("user %q: %v", name, err)
		}
		if err := CheckGroup(name); !errors.As(err, &misuse) {
			t.Errorf("group %q: %v", name, err)
		}
	}
	for _, name := range []string{"kubernetes-admin", "kube-apiserver-kubelet-client", "kubernetes-super-admin"} {
		if err := CheckName(name); !errors.As(err, &misuse) {
			t.Errorf("user %q: %v", name, err)
		}
	}
	for name, good := range map[string]bool{"shop": true, "kube-system": true, "": false, "a.b": false, "../x": false, "Shop": false} {
		if err := CheckNamespace(name); (err == nil) != good {
			t.Errorf("namespace %q: %v", name, err)
		}
	}
	for name, good := range map[string]bool{"view": true, "podsec-k8s:developer": true, "system:node": true, "": false, "..": false, "a/b": false, "a b": false, "a?b": false} {
		if err := CheckRole(name); (err == nil) != good {
			t.Errorf("role %q: %v", name, err)
		}
	}
}
