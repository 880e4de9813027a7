package preflight

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/hostfs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// nodePlace returns where on the host a path of the node is: in the node's own
// folders, or what the host has there, or else what the node itself has made.
func nodePlace(path string) string {
	if nodesAlone(path) {
		return node.StatePath(path)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && host.Exists(node.StatePath(path)) && !hostfs.IsMountPoint(node.StatePath(path)) {
		return node.StatePath(path)
	}
	return path
}

// nodesAlone reports whether the node has a path for itself alone, whatever
// the host has there.
func nodesAlone(path string) bool {
	return slices.ContainsFunc(node.Persistent(), func(folder string) bool {
		within, _ := staticpod.Below(filepath.Clean(path), folder)
		return within && (folder != "/etc/kubernetes" || kubeadmsName(path))
	})
}

// kubeadmsName reports whether a path below /etc/kubernetes is kubeadm's
// there: its certificates, manifests and kubeconfigs are the node's alone.
func kubeadmsName(path string) bool {
	_, rest := staticpod.Below(filepath.Clean(path), "/etc/kubernetes")
	first, _, _ := strings.Cut(rest, "/")
	return first == "." || staticpod.KubeadmMakes("/etc/kubernetes/"+first)
}
