package veth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// The pod network's vxlan device, as flanneld would make it: it takes over
// one that is there and fits.
// Source: flannel's Documentation/backends.md and pkg/backend/vxlan/device.go.
const (
	Overlay     = "flannel.1"
	OverlayPort = 8472 // udp
	overlayID   = 1
	overlayHead = 50 // bytes that a packet grows by
)

// makeOverlay makes the device in the namespaces, while what it sends and
// receives stays the machine's: the kernel leaves that in the network
// namespace that made the device. So packets between nodes pass neither the
// veth pair nor a translation of addresses.
// Source: ip-link(8), "VXLAN Type Support"; Linux' drivers/net/vxlan.
func makeOverlay(ctx context.Context, l Link, namespace *os.File) error {
	return host.Command{Path: "/sbin/ip", Files: []*os.File{namespace}, Args: []string{
		"link", "add", Overlay, "netns", "/proc/self/fd/3", "mtu", strconv.Itoa(l.MTU - overlayHead),
		"type", "vxlan", "id", strconv.Itoa(overlayID), "local", l.Address.String(), "dstport", strconv.Itoa(OverlayPort), "nolearning",
	}}.Run(ctx)
}

// deleteOverlay takes the device away, which would keep the machine's port
// for as long as a connection that nobody answers keeps the namespace.
// Source: rtnetlink(7); Linux' net/core/rtnetlink.c, IFLA_TARGET_NETNSID.
func deleteOverlay(namespace *os.File) error {
	id, err := netlink.GetNetNsIdByFd(int(namespace.Fd()))
	if err != nil || id < 0 {
		return fmt.Errorf("finding the namespaces' number %d: %w", id, err)
	}
	request := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(id))))
	request.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(Overlay)))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("deleting %s in the namespaces: %w", Overlay, err)
	}
	return nil
}
