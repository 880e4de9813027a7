package veth

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
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

// addOverlay gives ip's arguments that make the device in the namespaces, while
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

// deleteOverlay takes the device away, which would keep the machine's port
// for as long as a connection that nobody answers keeps the namespace.
// Source: rtnetlink(7); Linux' net/core/rtnetlink.c, IFLA_TARGET_NETNSID.
func deleteOverlay(namespace *os.File) error {
	id, err := netlink.GetNetNsIdByFd(int(namespace.Fd()))
	if err == nil && id < 0 {
		err = errors.New("it has none")
	}
	if err != nil {
		return fmt.Errorf("finding the namespaces' number: %w", err)
	}
	request := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(id))))
	request.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(overlay)))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("deleting %s in the namespaces: %w", overlay, err)
	}
	return nil
}
