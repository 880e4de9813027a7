package veth

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/message"
)

// The pod network's vxlan device, as flanneld would make it: it takes over
// one that is there and fits.
// Source: flannel's Documentation/backends.md and pkg/backend/vxlan/device.go.
const (
	OverlayPort = 8472 // udp
	overlay     = "flannel.1"
	overlayID   = 1
	overlayHead = 50 // bytes that a packet grows by
)

// addOverlay returns ip's arguments that make the device in the namespaces, while
// what it sends and receives stays the machine's: the kernel leaves that in
// the network namespace that made the device. So packets between nodes pass
// neither the veth pair nor a translation of addresses.
// Source: ip-link(8), "VXLAN Type Support"; Linux' drivers/net/vxlan.
func addOverlay(l Link) []string {
	return []string{
		"link", "add", overlay, "netns", namespacePath, "mtu", strconv.Itoa(l.MTU - overlayHead),
		"type", "vxlan", "id", strconv.Itoa(overlayID), "local", l.Address.String(), "dstport", strconv.Itoa(OverlayPort), "nolearning",
	}
}

// remakeOverlay makes the device anew, which somebody in the namespaces has
// taken away or replaced.
func remakeOverlay(ctx context.Context, l Link, namespace *os.File) error {
	if err := deleteOverlay(namespace); err != nil {
		return err
	}
	return ipFrom(ctx, namespace, addOverlay(l)...)
}

// deleteOverlay takes the device away, which would keep the machine's port
// for as long as a connection that nobody answers keeps the namespace.
func deleteOverlay(namespace *os.File) error { return deleteInside(namespace, overlay) }

// deleteInside deletes a device of the namespaces, if it is there.
// Source: rtnetlink(7); Linux' net/core/rtnetlink.c, IFLA_TARGET_NETNSID.
func deleteInside(namespace *os.File, device string) error {
	id, err := netlink.GetNetNsIdByFd(int(namespace.Fd()))
	if err != nil {
		return message.Errorf("finding the id of the namespaces: %w", err)
	}
	if id < 0 { // the kernel gives them one with the first device that is put there from here
		return nil
	}
	request := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(id))))
	request.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(device)))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENODEV) {
		return message.Errorf("deleting %s in the namespaces: %w", device, err)
	}
	return nil
}
