package node

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"regexp"
	"strconv"
)

// gateway is the hub's own address on the bridge that all nodes share.
var gateway = netip.AddrFrom4([4]byte{10, 77, 0, 1})

var numbered = regexp.MustCompile(`^([mw])([1-9])$`)

// pickAddress gives a node its address: m1 to m9 are 10.77.0.11 to .19, w1
// to w9 .21 to .29, and other names get one from .100 on that is free.
func pickAddress(name string) (netip.Addr, error) {
	all, err := List()
	if err != nil {
		return netip.Addr{}, err
	}
	taken := map[netip.Addr]bool{}
	for _, n := range all {
		taken[n.Address] = true
	}
	return addressFor(name, taken)
}

func addressFor(name string, taken map[netip.Addr]bool) (netip.Addr, error) {
	if m := numbered.FindStringSubmatch(name); m != nil {
		last, err := strconv.Atoi(m[2])
		if err != nil {
			return netip.Addr{}, err
		}
		return host(map[string]int{"m": 10, "w": 20}[m[1]] + last), nil
	}
	hash := fnv.New32a()
	hash.Write([]byte(name))
	for i := range 100 {
		if a := host(100 + (int(hash.Sum32()%100)+i)%100); !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address is left for node %s: make down", name)
}

func host(last int) netip.Addr {
	a := gateway.As4()
	a[3] = byte(last)
	return netip.AddrFrom4(a)
}

// WholePackets is a command that makes a machine's device put whole packets on the
// wire, as a card does. Left alone, the nodes' veth pairs leave checksums to the receiver's
// kernel, which hides wrong ones, and a receiver in user space can't make them.
const WholePackets = "ethtool -K host0 tx off > /dev/null"
