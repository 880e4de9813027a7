package scriptlets

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// checkRootful is the finding that kubeadm has made a node on this machine
// outside of podsec-k8s.
const checkRootful = "rootful-node"

// nodeTraces lists the files that kubeadm leaves on a machine that is a node,
// and kubeadm reset removes. Source: the Kubernetes documentation, "kubeadm
// init", "Implementation details".
func nodeTraces(h *host.Host) []string {
	return existing(h, "/etc/kubernetes/kubelet.conf",
		"/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/manifests/etcd.yaml",
		"/etc/kubernetes/manifests/kube-controller-manager.yaml", "/etc/kubernetes/manifests/kube-scheduler.yaml")
}

// unusedTraces lists what belongs to a node, or is made ready for one, and a
// rootless node does not see: it has such files of its own.
func unusedTraces(h *host.Host) []string {
	return existing(h, "/etc/kubernetes/pki/ca.crt", "/var/lib/etcd/member", "/var/lib/kubelet/config.yaml")
}

func existing(h *host.Host, paths ...string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Lstat(filepath.Join(h.Root, path))
		return err != nil
	})
}

// rootfulFault says that a machine is a node already. The files do no harm to a
// rootless node; but both nodes need kubelet.service, so the other one does not
// come back, and a later kubeadm reset outside would stop the rootless one.
func rootfulFault(traces []string) *host.Fault {
	if len(traces) == 0 {
		return nil
	}
	return host.WithRemedy(message.Errorf("this machine is a node of another cluster, which cannot run beside a rootless node: %s", strings.Join(traces, ", ")),
		"remove it with kubeadm reset before you create the rootless node; or leave it unused: --ignore-preflight=%s", checkRootful)
}
