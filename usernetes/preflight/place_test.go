package preflight

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestNodePlace: kubeadm's files and the node's folders are its own; of all
// else the node sees the host's.
func TestNodePlace(t *testing.T) {
	for path, own := range map[string]bool{
		"/etc/kubernetes/pki/oidc.crt": true, "/etc/kubernetes/admin.conf": true, "/etc/kubernetes/manifests": true, "/etc/kubernetes/audit.yaml": false,
		"/var/lib/kubelet/x": true, "/var/lib/kubelet-x": false, "/var/log/pods": true, "/var/log/audit/": false, "/srv/x": false, "/etc/cni/net.d": true,
	} {
		want := path
		if own {
			want = node.StatePath(path)
		}
		if got := nodePlace(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
