package usernetes

import "github.com/alt-cloud/podsec-k8s/host/veth"

// Modes of the network between the namespaces and the host.
const (
	slirpMode = "slirp4netns" // a stack in user space; the default
	pastaMode = "pasta"       // another, of newer systems
	VethMode  = "veth"        // a veth pair that the system's service makes, beside the first for names
)

// Modes lists them, the default first.
func Modes() []string { return []string{slirpMode, pastaMode, VethMode} }

// mode is the node's, that of older nodes included.
func (n Node) mode() string {
	if n.Network == "" {
		return slirpMode
	}
	return n.Network
}

// device names the network device of the namespaces.
func (n Node) device() string {
	if n.mode() == VethMode {
		return veth.NodeEnd
	}
	return tap
}

// flannelInterface is what flanneld picks its device by. In the mode veth that
// is the node's address, as the device has it that the service made: so
// flanneld takes that over.
// Source: flannel's Documentation/configuration.md and
// pkg/backend/vxlan/device.go, vxlanLinksIncompat.
func (n Node) flannelInterface() string {
	if n.mode() == VethMode {
		return n.IP.String()
	}
	return tap
}
