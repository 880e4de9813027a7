package node

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
)

// HostAddresses lists the machine's own addresses, without that of the end
// which leads to the node.
func HostAddresses() []netip.Prefix {
	var addresses []net.Addr
	devices, _ := net.Interfaces()
	for _, device := range devices {
		if device.Name != veth.HostEnd {
			own, _ := device.Addrs()
			addresses = append(addresses, own...)
		}
	}
	var found []netip.Prefix
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			found = append(found, prefix)
		}
	}
	return found
}

// HostRoutes asks iproute2 for the routes and for the source address of the
// default route.
func HostRoutes() (routes []netip.Prefix, source netip.Addr) {
	out, err := host.Command{Path: "ip", Args: []string{"-json", "route", "show"}}.Output(context.Background())
	if err != nil {
		return nil, source
	}
	routes, device, source := parseRoutes(out)
	if device == "" || source.IsValid() {
		return routes, source
	}
	return routes, firstIPv4(device)
}

// parseRoutes reads ip's JSON: the networks, and the default route's device
// and source address, which may be another device's.
func parseRoutes(data []byte) (routes []netip.Prefix, device string, source netip.Addr) {
	var list []struct {
		Dst    string     `json:"dst"`
		Dev    string     `json:"dev"`
		Source netip.Addr `json:"prefsrc"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, "", source
	}
	for _, r := range list {
		if r.Dev == veth.HostEnd {
			continue
		}
		if r.Dst == "default" {
			if device == "" {
				device, source = r.Dev, r.Source
			}
			continue
		}
		if prefix, err := netip.ParsePrefix(r.Dst); err == nil {
			routes = append(routes, prefix)
		}
	}
	return routes, device, source
}

func firstIPv4(device string) netip.Addr {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return netip.Addr{}
	}
	addresses, _ := i.Addrs()
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Addr().Is4() && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

// CheckAddress tells when the machine no longer has the address that the
// node was made with: its certificates name it, and other nodes know it.
func CheckAddress(n Node, addresses []netip.Prefix) *host.Fault {
	if slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Addr() == n.IP }) {
		return nil
	}
	return host.NewFault("give the node the address that the machine has: podsec-k8s change-address; or assign the former one to the machine again",
		"the node was created with the address %s, which this machine no longer has", n.IP)
}
