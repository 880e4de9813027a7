package firewall

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// Findings tells which chains of the machine drop which of the packets, with
// what to do. What can't be read is skipped. It is for root.
func Findings(ctx context.Context, packets []Packet) (faults []*host.Fault) {
	rules := read(ctx)
	dropped, order := map[Chain][]Packet{}, []Chain{}
	for _, p := range packets {
		for _, c := range rules.droppedBy(p) {
			if dropped[c] == nil {
				order = append(order, c)
			}
			dropped[c] = append(dropped[c], p)
		}
	}
	for _, c := range order {
		faults = append(faults, c.fault(dropped[c]))
	}
	return faults
}

// ownTable is that of the network mode veth.
const ownTable = "podsec_k8s"

// read reads all rules of the machine: those of iptables in iptables' own
// words, of either of its implementations, for nft does not know them.
// Source: xtables-nft(8), xtables-legacy(8).
func read(ctx context.Context) ruleset {
	rules, known := ruleset{}, false
	for _, name := range []string{"iptables-nft-save", "iptables-legacy-save", "iptables-save"} {
		if name == "iptables-save" && known { // it is one of them
			continue
		}
		path, err := host.LookPath(name)
		if err != nil {
			continue
		}
		text, err := host.Command{Path: path}.Output(ctx)
		if err != nil {
			slog.Debug("reading the rules of iptables", "program", name, "error", err)
			continue
		}
		known = true
		rules.readIptables(strings.TrimSuffix(name, "-save"), string(text))
	}
	path, err := host.LookPath("nft")
	if err != nil {
		return rules
	}
	text, err := host.Command{Path: path, Args: []string{"--json", "list", "ruleset"}}.Output(ctx)
	if err == nil {
		err = rules.readNFTables(text, func(family, table string) bool {
			return table == ownTable || known && ofIptables(family, table)
		})
	}
	if err != nil {
		slog.Debug("reading the rules of nftables", "error", err)
	}
	return rules
}

// ofIptables reports whether a table of nftables is one that iptables makes.
func ofIptables(family, table string) bool {
	return family == "ip" && slices.Contains([]string{"filter", "nat", "mangle", "raw", "security"}, table)
}

// maxNamed is how many ports a message names.
const maxNamed = 12

// fault words what a chain drops.
func (c Chain) fault(packets []Packet) *host.Fault {
	var names []string
	for _, p := range packets {
		if name := host.PortName(p.Port, p.Proto); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > maxNamed {
		names = append(names[:maxNamed], "…")
	}
	if c.Hook == Forward {
		return host.WithRemedy(message.Errorf("the machine's firewall drops packets forwarded for the node, chain %s: its ports and the pods' outgoing connections do not work", c),
			"allow the node's device, and save that in the firewall's settings: %s", c.letThrough(packets[0]))
	}
	return host.WithRemedy(message.Errorf("the machine's firewall drops packets to the node's ports, chain %s: %s", c, strings.Join(names, ", ")),
		"open the ports that other machines use, and save that in the firewall's settings, for example: %s", c.open(packets[0]))
}

func (c Chain) ofIptables() bool { return strings.HasPrefix(c.Family, "iptables") }

// letThrough is the command that lets both directions pass a chain.
func (c Chain) letThrough(p Packet) string {
	device := p.Out
	if !p.DNAT {
		device = p.In
	}
	if c.ofIptables() {
		insert := fmt.Sprintf("%s -t %s -I %s", c.Family, c.Table, c.Name)
		return fmt.Sprintf("%s -i %s -j ACCEPT; %s -o %s -j ACCEPT", insert, device, insert, device)
	}
	return fmt.Sprintf("nft insert rule %s iifname %s accept; nft insert rule %s oifname %s accept", c, device, c, device)
}

// open is the command that opens a port.
func (c Chain) open(p Packet) string {
	if c.ofIptables() {
		return fmt.Sprintf("%s -t %s -I %s -p %s --dport %d -j ACCEPT", c.Family, c.Table, c.Name, p.Proto, p.Port)
	}
	return fmt.Sprintf("nft insert rule %s %s dport %d accept", c, p.Proto, p.Port)
}
