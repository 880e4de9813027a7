// Package usernetes is the rootless Kubernetes node: RootlessKit's
// namespaces, the services in them, and the cluster that unmodified kubeadm
// makes there. All of it runs as the system user u7s-admin.
package usernetes

import (
	"os"
	"path/filepath"
	"strconv"
)

// Where things are. A path below Home belongs to u7s-admin: root never opens
// one.
const (
	Admin   = "u7s-admin"             // the system user that the node runs as
	Home    = "/var/lib/u7s-admin"    // its home
	Self    = "/usr/bin/podsec-k8s"   // this program, as installed
	SiteDir = "/etc/podsec-k8s"       // the administrator's settings
	share   = "/usr/share/podsec-k8s" // the package's static files
	libexec = "/usr/libexec/podsec-k8s"

	state     = Home + "/state"
	nodeFile  = state + "/node.json"
	stepsFile = state + "/steps.json"
	proxyFile = state + "/kube-proxy.yaml"
	netFile   = state + "/net-conf.json"
	initFile  = state + "/kubeadm.yaml"

	leavingFile = state + "/leaving.conf"  // the administrator's kubeconfig, while a control plane leaves its cluster
	stateGone   = Home + "/state.removing" // what state is called while it is deleted

	adminConf    = "/etc/kubernetes/admin.conf"
	kubeletConf  = "/etc/kubernetes/kubelet.conf"
	caFile       = "/etc/kubernetes/pki/ca.crt"
	manifestsDir = "/etc/kubernetes/manifests"
	standInsDir  = "/var/lib/kubelet/stand-ins"
	crioSocket   = "/run/crio/crio.sock"
	subnetFile   = "/run/flannel/subnet.env"
	tap          = "tap0" // RootlessKit's name for the network device
)

// persistent lists the folders that are the node's alone and outlive the
// namespaces. Of /etc/kubernetes it sees the host's files besides.
func persistent() []string {
	return []string{
		"/etc/kubernetes", "/etc/cni",
		"/var/lib/kubelet", "/var/lib/etcd", "/var/lib/containers", "/var/lib/cni",
		"/var/log/pods", "/var/log/containers",
	}
}

// kept gives the place in the state of u7s-admin of what the node has of its
// own at path, in one of hostFolders that are on disk.
func kept(path string) string { return filepath.Join(state, "root", path) }

// keptFile is kept for a file that may be a link, as the node sees its
// target.
func keptFile(path string) string {
	if target, err := os.Readlink(kept(path)); err == nil && filepath.IsAbs(target) {
		return kept(target)
	}
	return kept(path)
}

// RuntimeDir gives the folder of a user's sockets. Source: pam_systemd(8).
func RuntimeDir(uid uint32) string {
	return filepath.Join("/run/user", strconv.FormatUint(uint64(uid), 10))
}

// runtimeDir is RuntimeDir of the node's user, inside the namespaces too.
func runtimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return RuntimeDir(uint32(os.Getuid()))
}

func rootlessKitDir() string { return filepath.Join(runtimeDir(), "u7s/rk") }
