package veth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// findLink looks for the device that has the node's address.
func findLink(address netip.Addr, subnet netip.Prefix) (Link, error) {
	devices, err := net.Interfaces()
	if err != nil {
		return Link{}, fmt.Errorf("listing devices: %w", err)
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
				return link, fmt.Errorf("the network %s of the veth pair overlaps %s of %s: choose another SLIRP_CIDR in /etc/podsec-k8s", subnet, prefix.Masked(), device.Name)
			}
			if prefix.Addr() == address {
				link.Device, link.MTU = device.Name, device.MTU
			}
		}
	}
	if link.Device == "" {
		return link, fmt.Errorf("no device of this machine has the address %s", address)
	}
	value, err := os.ReadFile(forwarding(link.Device))
	link.Forward = strings.TrimSpace(string(value)) == "1"
	return link, err
}

// forwarding gives the place of a device's setting of that name. Source: the
// kernel's Documentation/networking/ip-sysctl.rst.
func forwarding(device string) string { return "/proc/sys/net/ipv4/conf/" + device + "/forwarding" }

// namespacePath is the namespace as ip finds it, its descriptor 3.
// Source: ip-netns(8).
const namespacePath = "/proc/self/fd/3"

// makeLink makes the pair, its far end in the namespace from the beginning,
// and the pod network's device there. Source: ip-link(8).
func makeLink(ctx context.Context, l Link, namespace *os.File) error {
	if err := deleteLink(ctx); err != nil {
		return err
	}
	mtu := strconv.Itoa(l.MTU)
	steps := [][]string{
		{"link", "add", HostEnd, "mtu", mtu, "type", "veth", "peer", "name", NodeEnd, "mtu", mtu, "netns", namespacePath},
		{"address", "add", l.Prefix(l.Gateway()), "dev", HostEnd},
		{"link", "set", HostEnd, "up"},
		addOverlay(l),
	}
	for _, args := range steps {
		if err := (host.Command{Path: "/sbin/ip", Args: args, Files: []*os.File{namespace}}).Run(ctx); err != nil {
			return err
		}
	}
	return errors.Join(
		host.SetKernelValue(forwarding(HostEnd), "1"), host.SetKernelValue(forwarding(l.Device), "1"))
}

// dropLink takes pair and rules away and gives forwarding back as it was.
func dropLink(ctx context.Context, l Link) error {
	faults := []error{deleteLink(ctx), load(ctx, noRules())}
	if !l.Forward {
		faults = append(faults, host.SetKernelValue(forwarding(l.Device), "0"))
	}
	return errors.Join(faults...)
}

// hasLink tells whether the machine's end is there.
func hasLink() bool {
	_, err := os.Stat("/sys/class/net/" + HostEnd)
	return !errors.Is(err, fs.ErrNotExist)
}

func deleteLink(ctx context.Context) error {
	if !hasLink() {
		return nil
	}
	return host.Command{Path: "/sbin/ip", Args: []string{"link", "delete", HostEnd}}.Run(ctx)
}

// load gives nft a table.
func load(ctx context.Context, text string) error {
	return host.Command{Path: NFT, Args: []string{"-f", "-"}, Stdin: strings.NewReader(text)}.Run(ctx)
}
