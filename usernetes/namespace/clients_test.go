package namespace

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// playIptables plays iptables that has all rules but those in which a word is, and
// notes which it is given.
func playIptables(t *testing.T, missing string) (given string) {
	t.Helper()
	dir := program(t, "iptables", `case "$*" in
*--check*`+missing+`*) exit 1;;
*--append*) echo "$4 $6" >> "$(dirname "$0")/given";;
esac`)
	return dir + "/given"
}

// TestClientWay: what has the mark of a client's connection is local, and the rules
// of the way back are there, once.
func TestClientWay(t *testing.T) {
	playNode(t)
	for _, c := range []struct{ name, missing, want string }{
		{"none", "", "filter OUTPUT\nmangle OUTPUT\nmangle PREROUTING\n"},
		{"one was deleted", "PREROUTING", "mangle PREROUTING\n"},
		{"other networks", "10.244.0.0/16", "filter OUTPUT\n"},
		{"all", "nothing", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := playIptables(t, c.missing)
			if err := (&clientWay{}).mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if added, err := os.ReadFile(given); string(added) != c.want || err != nil && !os.IsNotExist(err) {
				t.Errorf("added %q, %v", added, err)
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
	playNode(t)
	program(t, "iptables", "echo no such module >&2; exit 1")
	way := clientWay{}
	way.open(t.Context())
	if way.closed == nil || !strings.Contains(way.closed.Error(), "no such module") {
		t.Fatalf("%v", way.closed)
	}
	playIptables(t, "nothing")
	if err := way.mend(t.Context()); err == nil {
		t.Error("it was opened later")
	}
}
