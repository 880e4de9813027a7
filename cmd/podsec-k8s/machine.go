package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host/firewall"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// machineFaults lists what only root sees of what is wrong with the machine's
// network: what the root service has made, routes, and the firewall.
func machineFaults(ctx context.Context, o status.Status) (lines []node.Problem) {
	address, err := netip.ParseAddr(o.Address)
	running := func(u status.UnitStatus) bool { return u.Unit == units.RootlessKit && u.State == "active" }
	if err != nil || !slices.ContainsFunc(o.Units, running) {
		return nil // there is no node, or it has no network
	}
	faults := veth.RouteFindings(address)
	if node.ModeOf(o.Network).RootService {
		faults = append(faults, veth.Findings(ctx, netState)...)
	}
	faults = append(faults, firewall.Findings(ctx, overviewPackets(o, address))...)
	for _, f := range faults {
		lines = append(lines, node.Problem{Fault: f.Say(), Remedy: f.Remedy})
	}
	return lines
}

// overviewPackets lists the packets that have to pass the machine's firewall,
// for every port that is open.
func overviewPackets(o status.Status, address netip.Addr) (all []firewall.Packet) {
	device := veth.DeviceOf(address)
	for _, port := range o.Ports {
		if !port.Fault.Empty() {
			continue
		}
		if port.Forwarded != 0 {
			_, proto, _ := strings.Cut(port.Port, "/")
			all = append(all, toNode(device, proto, port.Forwarded))
			continue
		}
		if p, ok := toMachine(device, address, port.Port); ok {
			all = append(all, p)
		}
	}
	if node.ModeOf(o.Network).RootService {
		all = append(all, fromNode(device))
	}
	return all
}

// toNode is a packet for a port that nftables forwards into the namespaces.
func toNode(device, proto string, port int) firewall.Packet {
	return firewall.Packet{Hook: firewall.Forward, In: device, Out: veth.HostEnd, Proto: proto, Port: port, DNAT: true}
}

// fromNode is a packet that a pod sends out.
func fromNode(device string) firewall.Packet {
	return firewall.Packet{Hook: firewall.Forward, In: veth.HostEnd, Out: device, Proto: "tcp", Port: 443}
}

// toMachine is a packet for a port of the machine itself, such as 6443/tcp or
// 192.0.2.77:80/tcp. What is on a loopback address passes no firewall.
func toMachine(device string, address netip.Addr, text string) (p firewall.Packet, ok bool) {
	number, proto, _ := strings.Cut(text, "/")
	to, err := netip.ParseAddrPort(number)
	if err != nil {
		to, err = netip.ParseAddrPort(fmt.Sprintf("%s:%s", address, number))
	}
	if err != nil || to.Addr().IsLoopback() {
		return p, false
	}
	return firewall.Packet{Hook: firewall.Input, In: device, Proto: proto, Port: int(to.Port()), To: to.Addr()}, true
}

// firewallFaults is the preflight check of a machine that is to forward for a
// node.
func firewallFaults(ctx context.Context, mode string, o usernetes.Options) (found []preflightFault) {
	const check = "firewall"
	if !node.ModeOf(mode).RootService || slices.Contains(o.Ignore, check) || slices.Contains(o.Ignore, "all") {
		return nil
	}
	device := veth.DefaultDevice()
	if address, err := netip.ParseAddr(o.NodeIP); err == nil {
		device = veth.DeviceOf(address)
	}
	packets := []firewall.Packet{toNode(device, "tcp", 10250), toNode(device, "tcp", 6443), fromNode(device)}
	for _, f := range firewall.Findings(ctx, packets) {
		found = append(found, preflightFault{Check: check, Err: f.Say(), Remedy: f.Remedy})
	}
	return found
}
