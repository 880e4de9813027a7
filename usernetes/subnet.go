package usernetes

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host"
)

const (
	// cniFile sorts before what other packages may put there.
	cniFile   = "/etc/cni/net.d/10-podsec-k8s.conflist"
	podBridge = "cni0"
)

// readSubnet reads which part of the pod network flanneld has for this node.
func readSubnet() (l lease, err error) {
	data, err := host.ReadFile(subnetFile)
	if err != nil {
		return l, fmt.Errorf("reading flannel's subnet: %w", err)
	}
	if l, err = parseSubnet(string(data)); err != nil {
		return l, fmt.Errorf("reading flannel's subnet from %q: %w", subnetFile, err)
	}
	return l, nil
}

// bridgeLink is the pods' bridge with an address of its own. The one that the
// plugin would make takes its ports' lowest, and of two first pods that start
// at once the later changes it, so that CRI-O's CHECK finds the earlier's
// network altered and the pod fails.
// Source: Linux' net/bridge/br_stp_if.c; the CNI specification, "CHECK".
func bridgeLink(l lease) *netlink.Bridge {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = podBridge
	attributes.MTU = l.mtu
	attributes.HardwareAddr = macOf(l.subnet.Addr().Next())
	return &netlink.Bridge{LinkAttrs: attributes}
}

// macOf gives a locally administered address that holds an IPv4 one.
// Source: IEEE 802, "U/L bit".
func macOf(ip netip.Addr) net.HardwareAddr {
	return append(net.HardwareAddr{0x0a, 0x58}, ip.AsSlice()...)
}

// A lease is the node's part of the pod network.
type lease struct {
	subnet netip.Prefix
	mtu    int // bytes
}

// parseSubnet reads flannel's KEY=VALUE file.
func parseSubnet(text string) (l lease, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "FLANNEL_SUBNET":
			l.subnet, err = netip.ParsePrefix(value)
		case "FLANNEL_MTU":
			l.mtu, err = strconv.Atoi(value)
		}
		if err != nil {
			return l, err
		}
	}
	if !l.subnet.IsValid() || l.mtu == 0 {
		return l, fmt.Errorf("no FLANNEL_SUBNET or no FLANNEL_MTU in it")
	}
	l.subnet = l.subnet.Masked()
	return l, nil
}
