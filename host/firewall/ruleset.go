// Package firewall finds out which of the machine's own firewall rules keep a
// node's packets out. It reads the rules of nftables and of iptables, and
// follows a packet through them as the kernel would. What it does not
// understand it takes for a rule that may let the packet through, so that it
// tells of nothing that may be all right.
package firewall

import (
	"net/netip"
	"slices"
	"strings"
)

// A Packet is the first of a connection over IPv4.
type Packet struct {
	Hook  Hook
	In    string     // device that it comes in by
	Out   string     // device that it leaves by; "" for one to the machine itself
	Proto string     // tcp or udp
	Port  int        // that it is for
	To    netip.Addr // the zero value is any
	DNAT  bool       // its destination was translated
}

// A Hook is the place in the kernel where a packet meets a chain.
// Source: nft(8), "ADDRESS FAMILIES".
type Hook string

// The hooks that matter for what comes to a node and leaves it.
const (
	Input   Hook = "input"
	Forward Hook = "forward"
)

// A Chain is one that the kernel calls itself, at a hook.
type Chain struct {
	Family, Table, Name string // Family is nft's, or the program of iptables that has the table
	Hook                Hook
}

// A chain is a list of rules, and what becomes of a packet at their end.
type chain struct {
	Chain
	base  bool // the kernel calls it
	drops bool // its policy
	rules []rule
}

// A rule is a condition and what follows from it.
type rule struct {
	match   []condition
	verdict verdict
	target  string // of a jump
}

// A verdict is what a rule does with a packet.
type verdict int

const (
	goOn verdict = iota // to the next rule
	accept
	drop
	jump
	jumpForGood // goto: what follows the jump is not seen any more
	leave       // return to the chain that jumped
	unsure      // something that is not understood
)

// A condition reports whether a packet meets it.
type condition func(Packet) truth

// A truth is the answer to a condition. The order makes the smallest the
// answer to several.
type truth int

const (
	no truth = iota
	maybe
	yes
)

func is(met bool) truth {
	if met {
		return yes
	}
	return no
}

func not(t truth) truth { return yes - t }

// A ruleset is all chains, those of one table under "TABLE CHAIN".
type ruleset map[string]*chain

func key(family, table, name string) string { return family + " " + table + " " + name }

func (r ruleset) add(c chain) *chain {
	k := key(c.Family, c.Table, c.Name)
	if r[k] == nil {
		r[k] = &c
	}
	return r[k]
}

// droppedBy lists the chains that drop a packet for certain.
func (r ruleset) droppedBy(p Packet) (all []Chain) {
	for _, c := range r {
		if !c.base || c.Hook != p.Hook {
			continue
		}
		result := r.walk(c, p, map[*chain]verdict{})
		if result == drop || result == goOn && c.drops {
			all = append(all, c.Chain)
		}
	}
	slices.SortFunc(all, func(a, b Chain) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// walk follows a packet through a chain: accept, drop, goOn at its end, or
// unsure. seen has the answers of chains that were followed before; one that
// leads to itself can't be loaded.
func (r ruleset) walk(c *chain, p Packet, seen map[*chain]verdict) verdict {
	if result, ok := seen[c]; ok {
		return result
	}
	seen[c] = unsure
	seen[c] = r.follow(c, p, seen)
	return seen[c]
}

func (r ruleset) follow(c *chain, p Packet, seen map[*chain]verdict) verdict {
	for _, one := range c.rules {
		met := yes
		for _, condition := range one.match {
			met = min(met, condition(p))
		}
		if met == no || one.verdict == goOn {
			continue
		}
		result := one.verdict
		if result == jump || result == jumpForGood {
			result = unsure
			if target := r[key(c.Family, c.Table, one.target)]; target != nil {
				result = r.walk(target, p, seen)
			}
			if result == goOn && one.verdict == jumpForGood {
				result = leave
			}
		}
		switch {
		case result == goOn, met == maybe && result == drop:
		case met == maybe:
			return unsure
		case result == leave:
			return goOn
		default:
			return result
		}
	}
	return goOn
}

func (c Chain) String() string { return strings.Join([]string{c.Family, c.Table, c.Name}, " ") }

// sameName compares a device with a pattern, of which the last character may
// stand for any others.
func sameName(name, pattern, wildcard string) truth {
	if prefix, found := strings.CutSuffix(pattern, wildcard); found {
		return is(strings.HasPrefix(name, prefix))
	}
	return is(name == pattern)
}
