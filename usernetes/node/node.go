package node

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/message"
)

// ports that a node serves. Source: "Ports and Protocols" of the Kubernetes
// documentation; flannel's documentation of its vxlan backend.
const (
	APIPort     = 6443  // tcp, kube-apiserver's default
	EtcdPort    = 2379  // tcp, for apiservers and for those who join
	PeerPort    = 2380  // tcp, between the members of etcd
	KubeletPort = 10250 // tcp
	VXLANPort   = veth.OverlayPort
)

// A Node is what the services of one machine need to know. It is only data,
// kept in the state of u7s-admin.
type Node struct {
	Name            string       // as the cluster knows it
	IP              netip.Addr   // by which other machines reach it
	Kubernetes      string       // version of the installed kubeadm, such as v1.26.3
	APIPort         int          // tcp; 0 on a worker
	EtcdPeers       bool         // its etcd is, or may become, one of several
	PodCIDR         netip.Prefix // of the whole cluster
	ServiceCIDR     netip.Prefix
	SlirpCIDR       netip.Prefix // between the namespaces and the host
	MTU             int          // bytes, of a stack in user space
	Network         string       // the mode, one of ModeNames()
	ImageRepository string
	ImageAuthFile   string // logins of registries; "" for none
	DNSDomain       string // of the cluster's services; "" means the default
	Endpoint        string // host of the cluster's API; "" when it is the node itself
}

// Minor tells what follows from the node's Kubernetes version.
func (n Node) Minor() (deps.Minor, error) { return deps.MinorOf(n.Kubernetes) }

// PauseImage returns the image of the pods' sandboxes and of the stand-ins.
func (n Node) PauseImage() (string, error) {
	minor, err := n.Minor()
	return n.ImageRepository + "/pause:" + minor.PauseTag, err
}

// APIAddress returns where a control plane's own API is, as ADDRESS:PORT.
func (n Node) APIAddress() string { return netip.AddrPortFrom(n.IP, uint16(n.APIPort)).String() }

// EndpointName returns the name at which the nodes ask for the cluster's API, in small
// letters; "" where that is an address.
func (n Node) EndpointName() string {
	if _, err := netip.ParseAddr(n.Endpoint); err == nil {
		return ""
	}
	return strings.ToLower(n.Endpoint)
}

// PeerURL returns where the other members of etcd ask this node's.
func (n Node) PeerURL() string { return "https://" + netip.AddrPortFrom(n.IP, PeerPort).String() }

// LoadNode reads the node of this machine. There is none before a cluster
// is made or joined: then the error is fs.ErrNotExist.
func LoadNode() (Node, error) {
	var n Node
	if err := LoadState(NodeFile, &n); err != nil {
		return n, message.Errorf("reading the node: %w", err)
	}
	return n, nil
}

// Save keeps the node on the disk.
func (n Node) Save() error {
	data, err := json.MarshalIndent(n, "", "\t")
	if err != nil {
		return message.Errorf("storing the node: %w", err)
	}
	if err := host.MkdirAll(StateDir, 0o700); err != nil {
		return message.Errorf("storing the node: %w", err)
	}
	return SaveState(NodeFile, data)
}
