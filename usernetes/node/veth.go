package node

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/message"
)

// VethMode has a veth pair that podsec-k8s-net.service makes.
const VethMode = "veth"

// slirp4netns beside the pair is left for names alone.
func vethMode() Mode {
	return Mode{
		Name:        VethMode,
		Unfit:       noVeth,
		RootlessKit: slirpArgs(),
		Device:      veth.NodeEnd,
		MTU:         machineMTU,
		Ports:       ServicePorts,
		RootService: true,
	}
}

func noVeth(context.Context) error {
	if !host.Exists(veth.NFT) {
		return message.Errorf("it needs %s from the package nftables", veth.NFT)
	}
	return nil
}

// machineMTU is that of the machine's device which has the node's address; 0
// where none has it.
func machineMTU(n Node) int {
	devices, _ := net.Interfaces()
	for _, device := range devices {
		addresses, _ := device.Addrs()
		if slices.ContainsFunc(addresses, func(a net.Addr) bool { return sameAddress(a, n.IP) }) {
			return device.MTU
		}
	}
	return 0
}

func sameAddress(a net.Addr, ip netip.Addr) bool {
	prefix, err := netip.ParsePrefix(a.String())
	return err == nil && prefix.Addr() == ip
}
