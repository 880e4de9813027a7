package firewall

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// readIptables adds what a program's iptables-save prints. Each of iptables'
// implementations has rules of its own.
// Source: iptables(8), iptables-extensions(8), iptables-save(8).
func (r ruleset) readIptables(program, text string) {
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":") && table != "nat":
			if fields := strings.Fields(line[1:]); len(fields) > 1 {
				r.add(iptablesChain(program, table, fields[0], fields[1]))
			}
		case strings.HasPrefix(line, "-A ") && table != "nat":
			args := splitQuoted(line)
			c := r.add(iptablesChain(program, table, args[1], "-"))
			c.rules = append(c.rules, iptablesRule(args[2:]))
		}
	}
}

// iptablesChain makes a chain by its name: those of the kernel have fixed ones.
func iptablesChain(program, table, name, policy string) chain {
	hook, base := map[string]Hook{"INPUT": Input, "FORWARD": Forward}[name]
	return chain{Chain: Chain{Family: program, Table: table, Name: name, Hook: hook}, base: base, drops: policy == "DROP"}
}

// splitQuoted parts words as a shell does, for the quotes of iptables-save.
func splitQuoted(line string) (words []string) {
	var word strings.Builder
	quoted, begun := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == '"':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}

// iptablesRule reads the options of a rule. Every option has one value here,
// but for those that a negation comes before.
func iptablesRule(args []string) (one rule) {
	for i := 0; i < len(args); i++ {
		negated := args[i] == "!"
		if negated {
			i++
		}
		if i >= len(args) {
			break
		}
		option, value := args[i], ""
		if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") && args[i+1] != "!" {
			i++
			value = args[i]
		}
		switch option {
		case "-j":
			one.verdict, one.target = iptablesTarget(value)
			return one // what follows belongs to the target
		case "-g":
			one.verdict, one.target = jumpForGood, value
			return one
		case "-m", "--comment":
			continue
		}
		condition := iptablesCondition(option, value)
		if negated {
			met := condition
			condition = func(p Packet) truth { return not(met(p)) }
		}
		one.match = append(one.match, condition)
	}
	return one
}

func iptablesTarget(name string) (verdict, string) {
	switch name {
	case "ACCEPT":
		return accept, ""
	case "DROP", "REJECT":
		return drop, ""
	case "RETURN":
		return leave, ""
	case "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TCPMSS", "TOS", "DSCP", "CLASSIFY", "SET", "TRACE", "AUDIT", "CT", "NOTRACK", "CHECKSUM", "TTL", "":
		return goOn, ""
	default:
		return jump, name // one that is no chain is not understood
	}
}

// iptablesCondition reads one option.
func iptablesCondition(option, value string) condition {
	switch option {
	case "-i":
		return func(p Packet) truth { return sameName(p.In, value, "+") }
	case "-o":
		return func(p Packet) truth { return sameName(p.Out, value, "+") }
	case "-p":
		return func(p Packet) truth { return is(value == p.Proto || value == "all") }
	case "-d":
		return func(p Packet) truth { return within(p.To, value) }
	case "--dport", "--dports":
		return func(p Packet) truth { return is(inPortList(p.Port, value)) }
	case "--ctstate", "--state":
		return func(p Packet) truth { return isState(p, strings.Split(value, ",")) }
	default:
		return func(Packet) truth { return maybe }
	}
}

// isState compares the state of a connection that begins.
func isState(p Packet, states []string) truth {
	return is(slices.Contains(states, "NEW") || p.DNAT && slices.Contains(states, "DNAT"))
}

// within reports whether an address is in a network, "" being every one.
func within(address netip.Addr, network string) truth {
	prefix, err := netip.ParsePrefix(network)
	if err != nil {
		single, err := netip.ParseAddr(network)
		if err != nil {
			return maybe
		}
		prefix = netip.PrefixFrom(single, single.BitLen())
	}
	if prefix.Bits() == 0 {
		return yes
	}
	if !address.IsValid() {
		return maybe
	}
	return is(prefix.Contains(address))
}

// inPortList reports whether a port is in a list such as 22,80:90.
func inPortList(port int, list string) bool {
	for one := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(one, ":")
		if !isRange {
			last = first
		}
		low, errLow := strconv.Atoi(first)
		high, errHigh := strconv.Atoi(last)
		if errLow == nil && errHigh == nil && low <= port && port <= high {
			return true
		}
	}
	return false
}
