package backup

import (
	"slices"
	"testing"
)

// TestOutside: what a restored cluster reads of the machine is named, once each; what
// kubeadm makes, what the backup has and what is only written is not.
func TestOutside(t *testing.T) {
	const config = `kind: ClusterConfiguration
apiServer:
  extraArgs: {encryption-provider-config: /etc/kubernetes/enc/keys.yaml, audit-webhook-config-file: /etc/kubernetes/webhook.yaml, audit-log-path: /var/log/x.log, client-ca-file: /etc/kubernetes/pki/ca.crt}
  extraVolumes: [{name: enc, hostPath: /etc/kubernetes/enc, mountPath: /etc/kubernetes/enc}]
etcd: {local: {dataDir: /var/lib/etcd}}
---
kind: InitConfiguration
patches: {directory: /etc/kubernetes/patches}
---
kind: KubeletConfiguration
tlsCertFile: /etc/kubernetes/kubelet.crt
tlsPrivateKeyFile: "/etc/\u001b[2J"
`
	want := []string{"/etc/kubernetes/enc", "/etc/kubernetes/enc/keys.yaml", "/etc/kubernetes/kubelet.crt", "/etc/kubernetes/patches", "/etc/kubernetes/webhook.yaml"}
	if got := outside([]byte(config)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := outside(nil); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}
