package namespace

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
)

// Rules as the port driver makes them, by iptables --list-rules.
const mangleRules = `-P PREROUTING ACCEPT
-P OUTPUT ACCEPT
-A PREROUTING -p tcp -m connmark --mark 0x64 -j MARK --set-xmark 0x64/0xffffffff
-A OUTPUT -p tcp -m addrtype ! --src-type LOCAL -j CONNMARK --set-xmark 0x64/0xffffffff
`

// playIptables plays iptables: it lists the rules, and notes those that it is given.
func playIptables(t *testing.T, rules string) (given string) {
	t.Helper()
	dir := program(t, "iptables", `case "$*" in *--list-rules) cat "$(dirname "$0")/rules";; *) echo "$*" >> "$(dirname "$0")/given";; esac`)
	roottest.WriteFile(t, dir+"/rules", rules)
	return dir + "/given"
}

// TestClientWay: what has the mark of a client's connection is local, and the rules
// that mark it are there, once.
func TestClientWay(t *testing.T) {
	for _, c := range []struct{ name, rules, missing string }{
		{"none", "-P OUTPUT ACCEPT\n", "OUTPUT PREROUTING"},
		{"one was deleted", strings.ReplaceAll(mangleRules, "-A OUTPUT", "-A OTHER"), "OUTPUT"},
		{"all", mangleRules, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := playIptables(t, c.rules)
			if err := (&clientWay{}).mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			var chains []string
			lines, err := os.ReadFile(given)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(lines)) {
				chains = append(chains, strings.Fields(line)[5])
			}
			if strings.Join(chains, " ") != c.missing {
				t.Errorf("added %q", lines)
			}
			routes, err := netlink.RouteGetWithOptions(net.IPv4(198, 51, 100, 9), &netlink.RouteGetOptions{Mark: clientMark})
			if err != nil || len(routes) != 1 || routes[0].Type != 2 {
				t.Errorf("a marked packet goes to %v, %v", routes, err)
			}
		})
	}
}

// TestClosedClientWay: without rules the driver does without, for as long as the
// namespaces are there.
func TestClosedClientWay(t *testing.T) {
	program(t, "iptables", "echo no such module >&2; exit 1")
	way := clientWay{}
	way.open(t.Context())
	if way.closed == nil || !strings.Contains(way.closed.Error(), "no such module") {
		t.Fatalf("%v", way.closed)
	}
	playIptables(t, mangleRules)
	if err := way.mend(t.Context()); err == nil {
		t.Error("it was opened later")
	}
}
