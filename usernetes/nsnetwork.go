package usernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/netnews"
	"github.com/alt-cloud/podsec-k8s/host/veth"
)

// A netKeeper keeps the network of the namespaces as the node has made it:
// what a pod with the node's network takes away, or whoever enters the
// namespaces, is made anew.
type netKeeper struct {
	node    Node
	devices []keptDevice
	pods    *podNetwork
}

// A keptDevice is a device of the namespaces as the node has set it up.
type keptDevice struct {
	name      string
	addresses []netlink.Addr
	routes    []netlink.Route
}

// The kernel tells of changes, often of many at once. What it tells of may
// have been lost, and rules of iptables' older implementation it does not tell
// of.
const (
	netDebounce = 300 * time.Millisecond
	netInterval = time.Second // until a second look, then twice that, and so on
	netResync   = 5 * time.Second
)

// keepNetwork keeps what the namespaces' devices have now, until ctx ends. It
// runs in the namespaces.
func keepNetwork(ctx context.Context, n Node) error {
	k := &netKeeper{node: n, pods: newPodNetwork(n)}
	for _, name := range slices.Compact([]string{"lo", tap, n.device()}) {
		device, err := keepDevice(name)
		if err != nil {
			return fmt.Errorf("noting the network device %s: %w", name, err)
		}
		k.devices = append(k.devices, device)
	}
	changed, err := netnews.Watch(ctx, unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_NETCONF)
	if err != nil {
		return err
	}
	go func() {
		for interval := netInterval; ctx.Err() == nil; {
			timeout := netResync
			if k.mend(ctx) {
				interval = netInterval
			} else { // what is wrong may need a second look
				timeout, interval = interval, min(2*interval, netResync)
			}
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(timeout):
			}
			netnews.Sleep(ctx, netDebounce)
		}
	}()
	return nil
}

func keepDevice(name string) (k keptDevice, err error) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return k, err
	}
	addresses, errAddresses := netlink.AddrList(link, unix.AF_INET)
	routes, errRoutes := netlink.RouteList(link, unix.AF_INET)
	return keptDevice{name, addresses, routes}, errors.Join(errAddresses, errRoutes)
}

// mend makes anew what is missing, leaves word of what stays so, and reports
// whether all is well.
func (k *netKeeper) mend(ctx context.Context) bool {
	var faults []error
	for _, device := range k.devices {
		if err := device.mend(); err != nil {
			faults = append(faults, fmt.Errorf("the device %s of the namespaces: %w", device.name, err))
		}
	}
	faults = append(faults, mendSysctls())
	faults = append(faults, k.pods.mend(ctx)...)
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if ctx.Err() != nil {
		return true
	}
	if err := saveNetFaults(faults); err != nil {
		slog.Error("noting faults of the network", "error", err)
	}
	return len(faults) == 0
}

// mendSysctls sets again what somebody has changed.
func mendSysctls() error {
	for _, path := range nodeSysctls() {
		value, err := host.ReadFile(path)
		if err != nil || strings.TrimSpace(string(value)) == "1" {
			continue
		}
		slog.Warn("mending a setting of the kernel", "path", path)
		if err := host.SetKernelValue(path, "1"); err != nil {
			return err
		}
	}
	return nil
}

// mend gives a device its addresses and routes back. A device that is gone is
// for others: the service makes that of the mode veth anew.
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

// remakeOverlay asks the service of the mode veth for the pod network's
// device anew.
func remakeOverlay() error {
	conn, err := veth.Dial()
	if err != nil {
		return err
	}
	return errors.Join(conn.RemakeOverlay(), conn.Close())
}

// saveNetFaults notes what others are to see of the namespaces' network.
func saveNetFaults(faults []error) error {
	var lines []FaultLine
	for _, fault := range faults {
		lines = append(lines, faultLine(fault))
	}
	return noteNetwork.save(lines)
}

// netFaults reads what is wrong with the namespaces' network.
func netFaults() (lines []FaultLine) {
	if err := noteNetwork.load(&lines); err != nil && !isMissing(err) {
		return []FaultLine{faultLine(fmt.Errorf("reading how the network is: %w", err))}
	}
	return lines
}
