package usernetes

import (
	"os"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
)

// kubeadmFiles lists what kubeadm writes when it makes a node or lets it join,
// beside the folders of certificates and manifests: in the order in which it
// does. None of them is the host's.
// Source: kubeadm's app/constants/constants.go and its phases.
func kubeadmFiles() []string {
	return []string{
		adminConf, "/etc/kubernetes/super-admin.conf", kubeletConf, "/etc/kubernetes/bootstrap-kubelet.conf",
		"/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf",
		"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/etcd/member",
	}
}

// halfMade reports whether kubeadm has begun a cluster or a join here.
func halfMade() bool {
	written := func(path string) bool { return host.Exists(kept(path)) }
	hasManifest := func(name string) bool { return host.Exists(manifestFile(name)) }
	entries, err := os.ReadDir(kept("/etc/kubernetes/pki"))
	return err == nil && len(entries) > 0 || slices.ContainsFunc(kubeadmFiles(), written) || slices.ContainsFunc(components(), hasManifest)
}
