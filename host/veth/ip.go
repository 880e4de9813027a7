package veth

import (
	"context"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// networkOf finds the device that has an address, and the address' network.
func networkOf(address netip.Addr) (device netlink.Link, prefix netip.Prefix) {
	addresses, err := netlink.AddrList(nil, unix.AF_INET)
	if err != nil {
		return nil, prefix
	}
	for _, one := range addresses {
		if !one.IP.Equal(net.IP(address.AsSlice())) {
			continue
		}
		found, err := netlink.LinkByIndex(one.LinkIndex)
		if err == nil && found.Attrs().Name != HostEnd {
			bits, _ := one.Mask.Size()
			return found, netip.PrefixFrom(address, bits)
		}
	}
	return nil, prefix
}

// namespacePath is the namespace as ip finds it, its descriptor 3.
// Source: ip-netns(8).
const namespacePath = "/proc/self/fd/3"

func ip(ctx context.Context, args ...string) error {
	return host.Command{Path: "/sbin/ip", Args: args}.Run(ctx)
}

// ipFrom runs ip(8), which finds the namespace as namespacePath.
func ipFrom(ctx context.Context, namespace *os.File, args ...string) error {
	return host.Command{Path: "/sbin/ip", Args: args, Files: []*os.File{namespace}}.Run(ctx)
}
