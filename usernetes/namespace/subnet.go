package namespace

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const (
	// CNIFile sorts before what other packages may put there.
	CNIFile = "/etc/cni/net.d/10-podsec-k8s.conflist"
	// PodBridge is the bridge of the node's pods.
	PodBridge = "cni0"
)

// ReadSubnet reads which part of the pod network flanneld has for this node.
func ReadSubnet() (l Lease, err error) {
	data, err := host.ReadFile(node.SubnetFile)
	if err != nil {
		return l, message.Errorf("reading flannel's subnet: %w", err)
	}
	if l, err = parseSubnet(string(data)); err != nil {
		return l, message.Errorf("reading flannel's subnet from %q: %w", node.SubnetFile, err)
	}
	return l, nil
}

// BridgeLink is the pods' bridge with an address of its own. The one that the
// plugin would make takes its ports' lowest, and of two first pods that start
// at once the later changes it, so that CRI-O's CHECK finds the earlier's
// network altered and the pod fails.
// Source: Linux' net/bridge/br_stp_if.c; the CNI specification, "CHECK".
func BridgeLink(l Lease) *netlink.Bridge {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = PodBridge
	attributes.MTU = l.MTU
	attributes.HardwareAddr = macOf(l.Subnet.Addr().Next())
	return &netlink.Bridge{LinkAttrs: attributes}
}

// macOf returns a locally administered address that holds an IPv4 one.
// Source: IEEE 802, "U/L bit".
func macOf(ip netip.Addr) net.HardwareAddr {
	return append(net.HardwareAddr{0x0a, 0x58}, ip.AsSlice()...)
}

// A Lease is the node's part of the pod network.
type Lease struct {
	Subnet netip.Prefix
	MTU    int // bytes
}

// parseSubnet reads flannel's KEY=VALUE file.
func parseSubnet(text string) (l Lease, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "FLANNEL_SUBNET":
			l.Subnet, err = netip.ParsePrefix(value)
		case "FLANNEL_MTU":
			l.MTU, err = strconv.Atoi(value)
		}
		if err != nil {
			return l, err
		}
	}
	if !l.Subnet.IsValid() || l.MTU == 0 {
		return l, message.Errorf("it has no FLANNEL_SUBNET or no FLANNEL_MTU")
	}
	l.Subnet = l.Subnet.Masked()
	return l, nil
}
