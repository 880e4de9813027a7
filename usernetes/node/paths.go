package node

import (
	"os"
	"path/filepath"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/units"
)

// Where things are. A path below Home belongs to u7s-admin: root never opens
// one.
const (
	Admin      = units.Admin             // the system user that the node runs as
	Home       = units.Home              // its home
	Self       = units.Program           // this program, as installed
	SiteDir    = "/etc/podsec-k8s"       // the administrator's settings
	ShareDir   = "/usr/share/podsec-k8s" // the package's static files
	LibexecDir = "/usr/libexec/podsec-k8s"

	StateDir  = Home + "/state"
	NodeFile  = StateDir + "/node.json"
	StepsFile = StateDir + "/steps.json"
	ProxyFile = StateDir + "/kube-proxy.yaml"
	NetFile   = StateDir + "/net-conf.json"
	InitFile  = StateDir + "/kubeadm.yaml"

	ClusterFile  = StateDir + "/cluster.yaml"  // the cluster's configuration, as a control plane has read it last
	MemberFile   = StateDir + "/member.json"   // which Node object the machine has
	RemovedFile  = StateDir + "/removed.json"  // says that another machine has removed this one from the cluster
	RestoredFile = StateDir + "/restored.json" // which nodes a restore has taken out of the cluster
	LeavingFile  = StateDir + "/leaving.conf"  // the administrator's kubeconfig, while a control plane leaves its cluster
	GoneStateDir = Home + "/state.removing"    // what state is called while it is deleted

	UpgradeFile   = StateDir + "/upgrade.json"         // how far an upgrade of the node is
	UpgradeConfig = StateDir + "/kubeadm-upgrade.yaml" // for kubeadm upgrade
	SavedDir      = StateDir + "/upgrade"              // what the node goes back to

	MoveFile = StateDir + "/address.json" // how far a change of the node's address is
	MovedDir = StateDir + "/address"      // what the node goes back to then
	MovedPKI = StateDir + "/address.pki"  // certificates for the new address

	AdminConf    = "/etc/kubernetes/admin.conf"
	KubeletConf  = "/etc/kubernetes/kubelet.conf"
	TokenConf    = "/etc/kubernetes/bootstrap-kubelet.conf" // by which a kubelet without a certificate asks for one
	PKIDir       = "/etc/kubernetes/pki"                    // of kubeadm's certificates
	CAFile       = PKIDir + "/ca.crt"
	ManifestsDir = "/etc/kubernetes/manifests"
	PolicyDir    = "/etc/kubernetes/podsec-k8s" // policies of the site's that the cluster keeps
	StandInsDir  = "/var/lib/kubelet/stand-ins"
	CRIOSocket   = "/run/crio/crio.sock"
	SubnetFile   = "/run/flannel/subnet.env"
	TapDevice    = "tap0" // RootlessKit's name for the network device
)

// KeptDir is where root keeps sets of Kubernetes' programs, each in a folder of its
// version: a node runs those of its own version, whatever package is installed.
const KeptDir = "/usr/lib/podsec-k8s/kept"

// KeptSet is the folder of the programs of a version.
func KeptSet(version string) string { return filepath.Join(KeptDir, version) }

// Persistent lists the folders that are the node's alone and outlive the
// namespaces. Of /etc/kubernetes it sees the host's files besides.
func Persistent() []string {
	return []string{
		"/etc/kubernetes", "/etc/cni",
		"/var/lib/kubelet", "/var/lib/etcd", "/var/lib/containers", "/var/lib/cni",
		"/var/log/pods", "/var/log/containers",
	}
}

// StatePath returns the place in the state of u7s-admin of what the node has of its
// own at path, in one of hostFolders that are on disk.
func StatePath(path string) string { return filepath.Join(StateDir, "root", path) }

// StateTarget is kept for a file that may be a link, as the node sees its
// target.
func StateTarget(path string) string {
	if target, err := os.Readlink(StatePath(path)); err == nil && filepath.IsAbs(target) {
		return StatePath(target)
	}
	return StatePath(path)
}

// RuntimeDir returns the folder of a user's sockets. Source: pam_systemd(8).
func RuntimeDir(uid uint32) string {
	return filepath.Join("/run/user", strconv.FormatUint(uint64(uid), 10))
}

// OwnRuntimeDir is RuntimeDir of the node's user, inside the namespaces too.
func OwnRuntimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return RuntimeDir(uint32(os.Getuid()))
}

// RootlessKitDir is the folder of RootlessKit's state and API.
func RootlessKitDir() string { return filepath.Join(OwnRuntimeDir(), "u7s/rk") }
