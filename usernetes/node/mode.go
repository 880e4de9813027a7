package node

import "github.com/alt-cloud/podsec-k8s/host/veth"

// Modes of the network between the namespaces and the host.
const (
	SlirpMode = "slirp4netns" // a stack in user space; the default
	PastaMode = "pasta"       // another, of newer systems
	VethMode  = "veth"        // a veth pair that the system's service makes, beside the first for names
)

// Modes lists them, the default first.
func Modes() []string { return []string{SlirpMode, PastaMode, VethMode} }

// Mode is the node's, that of older nodes included.
func (n Node) Mode() string {
	if n.Network == "" {
		return SlirpMode
	}
	return n.Network
}

// Device names the network device of the namespaces.
func (n Node) Device() string {
	if n.Mode() == VethMode {
		return veth.NodeEnd
	}
	return TapDevice
}

// FlannelInterface is what flanneld picks its device by. In the mode veth that
// is the node's address, as the device has it that the service made: so
// flanneld takes that over.
// Source: flannel's Documentation/configuration.md and
// pkg/backend/vxlan/device.go, vxlanLinksIncompat.
func (n Node) FlannelInterface() string {
	if n.Mode() == VethMode {
		return n.IP.String()
	}
	return TapDevice
}
