package namespace

import (
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/veth"
)

// A keptDevice is a device of the namespaces as the node has set it up.
type keptDevice struct {
	name      string
	addresses []netlink.Addr
	routes    []netlink.Route
}

// The kernel tells of changes, often of many at once.
const (
	netDebounce = 300 * time.Millisecond
	netResync   = 5 * time.Second // without news
)

func keepDevice(name string) (k keptDevice, err error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return k, err
	}
	addresses, errAddresses := netlink.AddrList(link, unix.AF_INET)
	routes, errRoutes := netlink.RouteList(link, unix.AF_INET)
	return keptDevice{name, addresses, routes}, errors.Join(errAddresses, errRoutes)
}

// mend gives a device its addresses and routes back. A device that is gone is
// for others: the root service makes its own anew.
func (d keptDevice) mend() error {
	link, err := netlink.LinkByName(d.name)
	if err != nil {
		return err
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		slog.Warn("mending a device that is down", "device", d.name)
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
	}
	have, err := netlink.AddrList(link, unix.AF_INET)
	if err != nil {
		return err
	}
	for _, address := range d.addresses {
		if err := mendAddress(link, have, address); err != nil {
			return err
		}
	}
	return d.mendRoutes(link)
}

// mendAddress adds an address that is missing, and one whose local route is:
// the kernel makes that when the address comes.
func mendAddress(link netlink.Link, have []netlink.Addr, want netlink.Addr) error {
	fresh := &netlink.Addr{IPNet: want.IPNet, Scope: want.Scope}
	if slices.ContainsFunc(have, func(a netlink.Addr) bool { return a.IPNet.String() == want.IPNet.String() }) {
		routes, err := netlink.RouteGet(want.IP)
		if err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
		if err := netlink.AddrDel(link, fresh); err != nil {
			return err
		}
	}
	slog.Warn("mending an address that was taken away", "device", link.Attrs().Name, "address", want.IPNet)
	return netlink.AddrReplace(link, fresh)
}

// mendRoutes adds routes that are missing, those to a network next to the
// device first: others lead through them.
func (d keptDevice) mendRoutes(link netlink.Link) error {
	have, err := netlink.RouteList(link, unix.AF_INET)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(d.routes), func(want netlink.Route) bool {
		return slices.ContainsFunc(have, func(h netlink.Route) bool { return sameRoute(h, want) })
	})
	slices.SortStableFunc(missing, func(a, b netlink.Route) int { return len(a.Gw) - len(b.Gw) })
	for _, route := range missing {
		slog.Warn("mending a route that was taken away", "device", d.name, "to", route.Dst, "via", route.Gw)
		route.LinkIndex, route.Flags = link.Attrs().Index, 0
		if err := netlink.RouteReplace(&route); err != nil {
			return err
		}
	}
	return nil
}

func sameRoute(a, b netlink.Route) bool {
	return destination(a) == destination(b) && a.Gw.Equal(b.Gw) && a.Type == b.Type
}

// destination is a route's network as text; the default route may have none.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "0.0.0.0/0"
	}
	return r.Dst.String()
}

// remakeOverlay asks the root service for the pod network's
// device anew.
func remakeOverlay() error {
	conn, err := veth.Dial()
	if err != nil {
		return err
	}
	return errors.Join(conn.RemakeOverlay(), conn.Close())
}
