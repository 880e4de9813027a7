package firewall

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
)

// What nft --json list ruleset prints, as far as it matters here.
// Source: libnftables-json(5).
type (
	nftObject struct {
		Chain *nftChain
		Rule  *nftRule
	}
	nftChain struct{ Family, Table, Name, Type, Hook, Policy string }
	nftRule  struct {
		Family, Table, Chain string
		Expr                 []map[string]json.RawMessage
	}
	nftMatch struct {
		Op          string
		Left, Right json.RawMessage
	}
	nftVmap struct {
		Key  json.RawMessage
		Data struct{ Set [][2]json.RawMessage }
	}
	// nftField is the left side of a match: what of the packet is compared.
	nftField struct {
		Meta    *struct{ Key string }
		CT      *struct{ Key string }
		Payload *struct{ Protocol, Field string }
	}
)

// readNFTables adds nft's list, but for the table of podsec-k8s itself and
// those of iptables, which are read in iptables' own words.
func (r ruleset) readNFTables(data []byte, skip func(family, table string) bool) error {
	var list struct{ NFTables []nftObject }
	if err := json.Unmarshal(data, &list); err != nil {
		return message.Errorf("reading the rules of nftables: %w", err)
	}
	for _, one := range list.NFTables {
		if c := one.Chain; c != nil && !skip(c.Family, c.Table) && ofIPv4(c.Family) {
			base := c.Type == "filter"
			r.add(chain{Chain: Chain{c.Family, c.Table, c.Name, Hook(c.Hook)}, base: base, drops: c.Policy == "drop"})
		}
	}
	for _, one := range list.NFTables {
		if one.Rule == nil {
			continue
		}
		if c := r[key(one.Rule.Family, one.Rule.Table, one.Rule.Chain)]; c != nil {
			c.rules = append(c.rules, nftRules(one.Rule.Expr)...)
		}
	}
	return nil
}

func ofIPv4(family string) bool { return family == "ip" || family == "inet" }

// nftRules reads the statements of a rule. A verdict map becomes a rule for
// each of its entries.
func nftRules(statements []map[string]json.RawMessage) []rule {
	var one rule
	for _, statement := range statements {
		for name, value := range statement {
			switch name {
			case "match":
				one.match = append(one.match, nftCondition(value))
			case "vmap":
				return nftVmapRules(one.match, value)
			case "counter", "log", "mangle", "meter", "comment", "ct helper", "notrack", "flow":
			case "xt", "limit", "quota", "ct count":
				one.match = append(one.match, func(Packet) truth { return maybe })
			default:
				one.verdict, one.target = nftVerdict(name, value)
			}
		}
	}
	return []rule{one}
}

func nftVerdict(name string, value json.RawMessage) (verdict, string) {
	var to struct{ Target string }
	_ = json.Unmarshal(value, &to) // null for most
	switch name {
	case "accept":
		return accept, ""
	case "drop", "reject":
		return drop, ""
	case "jump":
		return jump, to.Target
	case "goto":
		return jumpForGood, to.Target
	case "return":
		return leave, ""
	case "continue":
		return goOn, ""
	default:
		return unsure, ""
	}
}

func nftVmapRules(before []condition, value json.RawMessage) (all []rule) {
	var v nftVmap
	if err := json.Unmarshal(value, &v); err != nil { // a map that has a name
		return []rule{{match: before, verdict: unsure}}
	}
	for _, entry := range v.Data.Set {
		var to map[string]json.RawMessage
		if err := json.Unmarshal(entry[1], &to); err != nil {
			return append(all, rule{match: before, verdict: unsure})
		}
		one := rule{match: append(slices.Clone(before), compare(v.Key, entry[0]))}
		for name, value := range to {
			one.verdict, one.target = nftVerdict(name, value)
		}
		all = append(all, one)
	}
	return all
}

func nftCondition(value json.RawMessage) condition {
	var m nftMatch
	if err := json.Unmarshal(value, &m); err != nil {
		return func(Packet) truth { return maybe }
	}
	met := compare(m.Left, m.Right)
	switch m.Op {
	case "==", "in":
		return met
	case "!=":
		return func(p Packet) truth { return not(met(p)) }
	default:
		return func(Packet) truth { return maybe }
	}
}

// compare reads a field and what it is compared with. Several fields at once
// are compared one by one.
func compare(left, right json.RawMessage) condition {
	var lefts, rights struct{ Concat, Set []json.RawMessage }
	if json.Unmarshal(left, &lefts) == nil && len(lefts.Concat) > 0 {
		if json.Unmarshal(right, &rights) != nil {
			return func(Packet) truth { return maybe }
		}
		if rights.Concat != nil {
			return compareAll(lefts.Concat, rights.Concat)
		}
		return func(p Packet) truth {
			met := no
			for _, one := range rights.Set {
				met = max(met, compare(left, one)(p))
			}
			return met
		}
	}
	var field nftField
	if err := json.Unmarshal(left, &field); err != nil {
		return func(Packet) truth { return maybe }
	}
	var value any
	if err := json.Unmarshal(right, &value); err != nil {
		return func(Packet) truth { return maybe }
	}
	return func(p Packet) truth { return field.anyOf(p, value) }
}

func compareAll(lefts, rights []json.RawMessage) condition {
	if len(lefts) != len(rights) {
		return func(Packet) truth { return maybe }
	}
	return func(p Packet) truth {
		met := yes
		for i := range lefts {
			met = min(met, compare(lefts[i], rights[i])(p))
		}
		return met
	}
}

// anyOf compares the field with a value, or with each of several.
func (f nftField) anyOf(p Packet, value any) truth {
	list, isList := value.([]any)
	if object, ok := value.(map[string]any); ok {
		if set, ok := object["set"].([]any); ok {
			list, isList = set, true
		}
	}
	if !isList {
		return f.equals(p, value)
	}
	met := no
	for _, one := range list {
		met = max(met, f.anyOf(p, one))
	}
	return met
}

// equals compares the field with one value: a name, a number, a range or a
// network.
func (f nftField) equals(p Packet, value any) truth {
	text, _ := value.(string)
	if strings.HasPrefix(text, "@") { // a set that has a name
		return maybe
	}
	switch {
	case f.Meta != nil:
		return metaEquals(p, f.Meta.Key, text)
	case f.CT != nil:
		return ctEquals(p, f.CT.Key, text)
	case f.Payload != nil:
		return payloadEquals(p, f.Payload.Protocol+" "+f.Payload.Field, value)
	default:
		return maybe
	}
}

func metaEquals(p Packet, field, value string) truth {
	switch field {
	case "iifname", "iif":
		return sameName(p.In, value, "*")
	case "oifname", "oif":
		return sameName(p.Out, value, "*")
	case "l4proto":
		return is(value == p.Proto)
	case "nfproto":
		return is(value == "ipv4")
	case "protocol":
		return is(value == "ip")
	default:
		return maybe
	}
}

func ctEquals(p Packet, field, value string) truth {
	switch field {
	case "state":
		return is(value == "new")
	case "status":
		return is(p.DNAT && value == "dnat")
	case "direction":
		return is(value == "original")
	default:
		return maybe
	}
}

func payloadEquals(p Packet, field string, value any) truth {
	switch field {
	case "tcp dport", "udp dport":
		if !strings.HasPrefix(field, p.Proto) {
			return no
		}
		return portEquals(p.Port, value)
	case "th dport":
		return portEquals(p.Port, value)
	case "ip protocol":
		return is(value == any(p.Proto))
	case "ip daddr":
		return addressEquals(p.To, value)
	case "ip saddr":
		return addressEquals(netip.Addr{}, value)
	}
	switch protocol, _, _ := strings.Cut(field, " "); protocol {
	case "tcp", "udp", "icmp", "icmpv6", "ip6", "sctp", "dccp", "ah", "esp", "arp":
		if protocol != p.Proto {
			return no
		}
	}
	return maybe
}

func portEquals(port int, value any) truth {
	switch v := value.(type) {
	case float64:
		return is(int(v) == port)
	case map[string]any:
		if bounds, ok := v["range"].([]any); ok && len(bounds) == 2 {
			low, okLow := bounds[0].(float64)
			high, okHigh := bounds[1].(float64)
			if okLow && okHigh {
				return is(int(low) <= port && port <= int(high))
			}
		}
	}
	return maybe
}

func addressEquals(address netip.Addr, value any) truth {
	switch v := value.(type) {
	case string:
		return within(address, v)
	case map[string]any:
		if prefix, ok := v["prefix"].(map[string]any); ok {
			text, _ := prefix["addr"].(string)
			bits, _ := prefix["len"].(float64)
			return within(address, fmt.Sprintf("%s/%d", text, int(bits)))
		}
	}
	return maybe
}
