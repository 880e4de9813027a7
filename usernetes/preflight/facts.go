package preflight

import (
	"io/fs"
	"net/netip"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// Facts is what a machine is like, as the node's user sees it. It is
// gathered once; decisions are made from it alone.
type Facts struct {
	Kubernetes  string            // version of the installed kubeadm, "" when there is none
	Versions    map[string]string // of other programs, by their names, where a backup is to be restored
	Hostname    string            //
	DefaultIP   netip.Addr        // of the interface with the default route; may be invalid
	Addresses   []netip.Prefix    // of all interfaces
	Routes      []netip.Prefix    // that interfaces carry, without the default route
	CgroupV2    bool              // /sys/fs/cgroup is the unified hierarchy
	Tun         error             // why /dev/net/tun can't be opened
	Newuidmap   error             // why newuidmap or newgidmap can't be run
	SubUIDs     uint64            // how many subordinate uids the user has
	SubGIDs     uint64            // how many subordinate gids
	NoUserNS    string            // the sysctl that forbids user namespaces, if one does
	Missing     []string          // programs that are not installed
	TakenPorts  []string          // of the ports asked for, such as "6443/tcp"
	UserManager bool              // the user's systemd runs
	Policies    error             // why what is installed for NetworkPolicies can't work
	Free        uint64            // bytes that the user may still write to its home's file system
	Size        uint64            // bytes of that file system
	Unmeasured  *host.Fault       // why the kubelet can't measure it; nil where it can
	Unfit       map[string]error  // network modes that this machine can't have, and why
	Images      images.ImageFacts // where the images are that the node needs
	Cluster     ClusterFacts      // the cluster to join
	WantedIDs   uint64            // how many subordinate uids and gids the site asks for
	Proxy       ProxyFacts        // the site's proxy
	Limits      LimitFacts        // of the kernel, for the node's user
	Config      kubeadm.Config    // of the node to be made, and of its cluster
	Files       []fileFact        // that Config names
	Patches     []patchFile       // in the folder that Config names
}

// ClusterFacts is what a cluster says of itself to whoever asks.
type ClusterFacts struct {
	Endpoint string         // address and port that were asked; "" when none was
	Err      error          // why it did not answer
	Version  string         // such as v1.26.3; "" when it does not tell
	Ahead    time.Duration  // of its clock before ours
	Config   kubeadm.Config // of the cluster and its kubelets; nil when it is not told
}

// A fileFact is what u7s-admin finds at the place of a namedFile.
type fileFact struct {
	staticpod.NamedFile
	Err      error       // why it is not there: fs.ErrNotExist, or that it can't be looked at
	Mode     fs.FileMode // its type
	Readable bool        // as its use asks for: a folder with all that is in it
	Closed   string      // what of it can't be read, or the folder that can't be entered
	Writable bool        // it, or where it is to be made
}

// A patchFile is one of kubeadm's patches for a part of the control plane.
type patchFile struct {
	Path      string
	Component string
	Data      []byte
}

// ProxyFacts is what is known of the site's proxy.
type ProxyFacts struct {
	Proxy    node.Proxy
	Resolved map[string][]netip.Addr // of the proxies' names
	Silent   []silentProxy           // proxies that do not answer
	Exposed  []string                // files that show a password to everyone
}

// A silentProxy is one that could not be reached, and why.
type silentProxy struct {
	proxy node.ProxyURL
	err   error
}
