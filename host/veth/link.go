package veth

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// findLink looks for the device that has the node's address.
func findLink(address netip.Addr, subnet netip.Prefix) (Link, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return Link{}, message.Errorf("listing devices: %w", err)
	}
	link := Link{Address: address, Subnet: subnet}
	for _, device := range devices {
		prefixes, err := device.Addrs()
		if err != nil || device.Flags&net.FlagLoopback != 0 || device.Name == HostEnd {
			continue
		}
		for _, text := range prefixes {
			prefix, err := netip.ParsePrefix(text.String())
			if err != nil {
				continue
			}
			if prefix.Overlaps(subnet) {
				return link, message.Errorf("the network %s of the veth pair overlaps %s of %s: choose another SLIRP_CIDR in /etc/podsec-k8s", subnet, prefix.Masked(), device.Name)
			}
			if prefix.Addr() == address {
				link.Device, link.MTU = device.Name, device.MTU
			}
		}
	}
	if link.Device == "" {
		return link, message.Errorf("no device of this machine has the address %s", address)
	}
	link.Default = defaultGateway()
	link.Global = isOn(globalForwarding)
	link.Forward = isOn(forwarding(link.Device))
	return link, nil
}

// globalForwarding is the machine's own switch. Writing it writes that of every
// device, too. Source: the kernel's Documentation/networking/ip-sysctl.rst.
const globalForwarding = "/proc/sys/net/ipv4/ip_forward"

// isOn reads a switch of the kernel.
func isOn(path string) bool {
	value, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(value)) == "1"
}

// forwarding returns the place of a device's setting of that name. Source: the
// kernel's Documentation/networking/ip-sysctl.rst.
func forwarding(device string) string { return "/proc/sys/net/ipv4/conf/" + device + "/forwarding" }

// makeLink makes the pair, and the pod network's device.
func makeLink(ctx context.Context, l Link, namespace *os.File) error {
	if err := makePair(ctx, l, namespace); err != nil {
		return err
	}
	if err := ipFrom(ctx, namespace, addOverlay(l)...); err != nil {
		return err
	}
	return errors.Join(
		host.SetKernelValue(forwarding(HostEnd), "1"), host.SetKernelValue(forwarding(l.Device), "1"))
}

// makePair makes the pair, its far end in the namespace from the beginning.
// Source: ip-link(8).
func makePair(ctx context.Context, l Link, namespace *os.File) error {
	if err := deleteLink(ctx); err != nil {
		return err
	}
	mtu := strconv.Itoa(l.MTU)
	add := []string{"link", "add", HostEnd, "mtu", mtu, "type", "veth", "peer", "name", NodeEnd, "mtu", mtu, "netns", namespacePath}
	if err := errors.Join(ipFrom(ctx, namespace, add...), closeEnd()); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"address", "add", l.Prefix(l.Gateway()), "dev", HostEnd},
		{"link", "set", HostEnd, "up"},
	} {
		if err := ipFrom(ctx, namespace, args...); err != nil {
			return err
		}
	}
	return nil
}

// dropLink takes pair and rules away and gives forwarding back as it was.
func dropLink(ctx context.Context, l Link) error {
	faults := []error{deleteLink(ctx), load(ctx, noRules(families()))}
	if !l.Forward {
		faults = append(faults, host.SetKernelValue(forwarding(l.Device), "0"))
	}
	return errors.Join(faults...)
}

// hasLink reports whether the machine's end is there.
func hasLink() bool {
	_, err := os.Stat("/sys/class/net/" + HostEnd)
	return !errors.Is(err, fs.ErrNotExist)
}

func deleteLink(ctx context.Context) error {
	if !hasLink() {
		return nil
	}
	return ip(ctx, "link", "delete", HostEnd)
}

// deleteLost deletes a pair that somebody gave another name: it has the
// address of the machine's end.
func deleteLost(ctx context.Context, subnet netip.Prefix) error {
	device, prefix := networkOf(Link{Subnet: subnet}.Gateway())
	if device == nil || device.Type() != "veth" || prefix.Masked() != subnet {
		return nil
	}
	return ip(ctx, "link", "delete", device.Attrs().Name)
}

// load gives nft a table.
func load(ctx context.Context, text string) error {
	return host.Command{Path: NFT, Args: []string{"-f", "-"}, Stdin: strings.NewReader(text)}.Run(ctx)
}

// defaultRoute finds the machine's default route, which may have none.
func defaultRoute() (route netlink.Route, found bool) {
	routes, err := netlink.RouteList(nil, unix.AF_INET)
	if err != nil {
		return route, false
	}
	for _, r := range routes {
		if r.Dst == nil || r.Dst.IP.IsUnspecified() {
			return r, true
		}
	}
	return route, false
}

// defaultGateway is the gateway of the default route; invalid without one.
func defaultGateway() netip.Addr {
	route, _ := defaultRoute()
	gateway, _ := netip.AddrFromSlice(route.Gw.To4())
	return gateway
}

// DefaultDevice names the device of the machine's default route, "" without
// one.
func DefaultDevice() string {
	route, found := defaultRoute()
	device, err := netlink.LinkByIndex(route.LinkIndex)
	if !found || err != nil {
		return ""
	}
	return device.Attrs().Name
}
