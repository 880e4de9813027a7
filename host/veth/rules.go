package veth

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// table is the name of the table of nftables.
const table = "podsec_k8s"

// NFT is the program that the mode needs, of the package nftables.
const NFT = "/usr/sbin/nft"

// Gateway is the address of the machine's end.
func (l Link) Gateway() netip.Addr { return l.Subnet.Masked().Addr().Next() }

// Peer is the address of the end in the namespaces.
func (l Link) Peer() netip.Addr { return l.Gateway().Next() }

// families lists those of nftables in which the service has a table.
func families() []string {
	if hasIPv6() {
		return []string{"ip", "ip6"}
	}
	return []string{"ip"}
}

// rules is the whole of the tables for nft -f: they take the place of those
// before in one step. The client's address is kept on its way in. Packets are
// forwarded to the published ports, to answers, and nowhere else; a machine
// that forwarded nothing before forwards nothing for others now.
// Source: nft(8).
func rules(l Link, ports []Port, families []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	fmt.Fprint(&b, noRules(families))
	if slices.Contains(families, "ip6") {
		line("table ip6 %s {\n\tchain source {\n\t\ttype filter hook prerouting priority -300;", table)
		line("\t\tiifname %q drop\n\t}\n}", HostEnd)
	}
	line("table ip %s {", table)
	// What comes out of the namespaces has their end's address, and no other.
	line("\tchain source {\n\t\ttype filter hook prerouting priority -300;")
	line("\t\tiifname %q ip saddr != %s drop", HostEnd, l.Peer())
	line("\t\tiifname %q ip daddr 127.0.0.0/8 drop\n\t}", HostEnd)
	for _, hook := range []string{"prerouting", "output"} {
		line("\tchain %s {\n\t\ttype nat hook %s priority -100;", hook, hook)
		for _, p := range sorted(ports) {
			line("\t\tip daddr %s %s%s dport %d dnat to %s:%d", l.Address, p.from(), p.Proto, p.Number, l.Peer(), p.Target)
		}
		line("\t}")
	}
	line("\tchain postrouting {\n\t\ttype nat hook postrouting priority 100;")
	line("\t\tip saddr %s oifname != %q masquerade", l.Peer(), HostEnd)
	line("\t\tip saddr %s oifname %q masquerade", l.Address, HostEnd) // the namespaces have that address too
	line("\t}")
	// The kernel listens for the pod network on every address; the node has one.
	line("\tchain input {\n\t\ttype filter hook input priority 0;")
	line("\t\tip daddr != %s udp dport %d @th,96,24 %d drop", l.Address, OverlayPort, overlayID)
	line("\t}")
	line("\tchain forward {\n\t\ttype filter hook forward priority 0;")
	line("\t\toifname %q ct status dnat accept", HostEnd)
	line("\t\toifname %q ct state established,related accept", HostEnd)
	line("\t\toifname %q drop", HostEnd)
	if !l.Forward {
		line("\t\tiifname %q oifname != %q drop", l.Device, HostEnd)
	}
	line("\t}\n}")
	return b.String()
}

// from is the match for the clients that are let in. nft takes no network that
// is inside of another.
func (p Port) from() string {
	if len(p.Sources) == 0 {
		return ""
	}
	var networks []string
	for i, one := range p.Sources {
		inside := func(other netip.Prefix) bool { return other.Bits() < one.Bits() && other.Overlaps(one) }
		if !slices.ContainsFunc(p.Sources, inside) && !slices.Contains(p.Sources[:i], one) {
			networks = append(networks, one.Masked().String())
		}
	}
	slices.Sort(networks)
	return fmt.Sprintf("ip saddr { %s } ", strings.Join(slices.Compact(networks), ", "))
}

// noRules takes the tables away.
func noRules(families []string) string {
	var b strings.Builder
	for _, family := range families {
		fmt.Fprintf(&b, "table %[1]s %[2]s\ndelete table %[1]s %[2]s\n", family, table)
	}
	return b.String()
}

func sorted(ports []Port) []Port {
	return slices.SortedFunc(slices.Values(ports), func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Number, b.Number))
	})
}

// listTables is the service's tables as nft lists them.
func listTables(ctx context.Context) (all string, err error) {
	for _, family := range families() {
		out, err := host.Command{Path: NFT, Args: []string{"list", "table", family, table}}.Output(ctx)
		if err != nil {
			return "", err
		}
		all += string(out)
	}
	return all, nil
}

// sameTable compares the tables with how they were when they were loaded.
func sameTable(ctx context.Context, want string) error {
	have, err := listTables(ctx)
	if err != nil || have != want || have == "" {
		return message.Errorf("the nftables table %s was deleted or changed", table)
	}
	return nil
}
