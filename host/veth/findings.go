package veth

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// Findings lists what is wrong now with what the service has made, by what it
// has noted in the file state, and with the machine's way out. It is for root.
func Findings(ctx context.Context, state string) (faults []*host.Fault) {
	was, err := loadGiven(state)
	if errors.Is(err, fs.ErrNotExist) {
		return []*host.Fault{host.NewFault("systemctl start podsec-k8s-net.socket; "+host.RestartNode,
			"the node is not connected to the machine's network")}
	}
	if err != nil {
		return []*host.Fault{host.WithRemedy(err,
			"systemctl restart podsec-k8s-net")}
	}
	for _, p := range linkParts() {
		if err := p.whole(was.Link); err != nil {
			faults = append(faults, host.WithRemedy(err,
				mendRemedy))
		}
	}
	if err := sameTable(ctx, was.Table); err != nil {
		faults = append(faults, host.WithRemedy(err,
			mendRemedy))
	}
	if was.Link.Default.IsValid() && !defaultGateway().IsValid() {
		faults = append(faults, host.WithRemedy(message.New("the machine has lost its default route, so it reaches only its own networks"),
			"ip route add default via %s dev %s", was.Link.Default, was.Link.Device))
	}
	return faults
}

// mendRemedy is for what the service should have mended within seconds.
const mendRemedy = "podsec-k8s-net.service repairs that by itself; if it does not: journalctl -u podsec-k8s-net; systemctl restart podsec-k8s-net"

// RouteFindings tells when the machine has lost a route that comes with the
// node's address: nobody reaches the node then. It is for any mode.
func RouteFindings(address netip.Addr) []*host.Fault {
	device, prefix := networkOf(address)
	if device == nil { // that is for others to tell
		return nil
	}
	anew := message.Of("restart the machine's network, or: ip address delete %s dev %s; ip address add %s dev %s", prefix, device.Attrs().Name, prefix, device.Attrs().Name)
	if routes, err := netlink.RouteGet(address.AsSlice()); err != nil || len(routes) == 0 || routes[0].Type != unix.RTN_LOCAL {
		return []*host.Fault{{Err: message.Errorf("the machine has lost the local route of its address %s", address), Remedy: anew}}
	}
	if prefix.Bits() > 30 { // an address of its own, reached in other ways
		return nil
	}
	neighbour := prefix.Masked().Addr().Next()
	if neighbour == address {
		neighbour = neighbour.Next()
	}
	routes, err := netlink.RouteGet(neighbour.AsSlice())
	if err == nil && len(routes) > 0 && routes[0].LinkIndex == device.Attrs().Index && routes[0].Gw == nil {
		return nil
	}
	return []*host.Fault{{Err: message.Errorf("the machine has lost the route to its own network %s", prefix.Masked()), Remedy: anew}}
}
