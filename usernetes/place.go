package usernetes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/hostfs"
)

// nodePlace returns where on the host a path of the node is: in the node's own
// folders, or what the host has there, or else what the node itself has made.
func nodePlace(path string) string {
	if nodesAlone(path) {
		return kept(path)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && host.Exists(kept(path)) && !hostfs.IsMountPoint(kept(path)) {
		return kept(path)
	}
	return path
}

// nodesAlone reports whether the node has a path for itself alone, whatever
// the host has there.
func nodesAlone(path string) bool {
	return slices.ContainsFunc(persistent(), func(folder string) bool {
		within, _ := below(filepath.Clean(path), folder)
		return within && (folder != "/etc/kubernetes" || kubeadmsName(path))
	})
}

// kubeadmsName reports whether a path below /etc/kubernetes is kubeadm's
// there: its certificates, manifests and kubeconfigs are the node's alone.
func kubeadmsName(path string) bool {
	_, rest := below(filepath.Clean(path), "/etc/kubernetes")
	first, _, _ := strings.Cut(rest, "/")
	return first == "." || kubeadmMakes("/etc/kubernetes/"+first)
}
