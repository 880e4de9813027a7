package steps

import (
	"os"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// kubeadmFiles lists what kubeadm writes when it makes a node or lets it join,
// beside the folders of certificates and manifests: in the order in which it
// does. None of them is the host's.
// Source: kubeadm's app/constants/constants.go and its phases.
func kubeadmFiles() []string {
	return []string{
		node.AdminConf, "/etc/kubernetes/super-admin.conf", node.KubeletConf, "/etc/kubernetes/bootstrap-kubelet.conf",
		"/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf",
		"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/etcd/member",
	}
}

// HalfMade reports whether kubeadm has begun a cluster or a join here.
func HalfMade() bool {
	written := func(path string) bool { return host.Exists(node.StatePath(path)) }
	hasManifest := func(name string) bool { return host.Exists(staticpod.ManifestFile(name)) }
	entries, err := os.ReadDir(node.StatePath(node.PKIDir))
	return err == nil && len(entries) > 0 || slices.ContainsFunc(kubeadmFiles(), written) || slices.ContainsFunc(staticpod.Components(), hasManifest)
}
