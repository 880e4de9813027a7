package namespace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// RootlessKit's port driver keeps the address of TCP clients: it gives that address to
// its socket in the namespaces. What is sent back to the client has to come to the
// socket, not to the network. A rule of iptables marks such connections, another one
// the packets that come back, and what has the mark is local. The driver makes all of
// this with the first client, and never again.
// Source: rootlesskit's pkg/port/builtin/child, setupTransparentRouting.
const (
	clientMark     = 100
	clientTable    = 100
	clientPriority = 100
)

// ofClient matches what the port driver sends with a client's address.
func ofClient() []string { return []string{"-m", "addrtype", "!", "--src-type", "LOCAL"} }

// Pretenders matches the first packet that the port driver sends for a client whose
// address is of the cluster's own networks, as if the client were a pod.
func Pretenders(n node.Node) []string {
	own := fmt.Sprintf("%s,%s,%s", n.PodCIDR, n.ServiceCIDR, n.SlirpCIDR)
	return append([]string{"-p", "tcp", "--syn", "-s", own}, ofClient()...)
}

// clientRules are those of the way back. The first keeps clients from having an address
// of the cluster's own networks, which NetworkPolicies may let in: there the driver does
// not get through, and uses its own address.
func clientRules(n node.Node) []Rule {
	mark := strconv.Itoa(clientMark)
	return []Rule{
		{"filter", "OUTPUT", append(Pretenders(n), "-j", "REJECT", "--reject-with", "tcp-reset")},
		{"mangle", "OUTPUT", slices.Concat([]string{"-p", "tcp"}, ofClient(), []string{"-j", "CONNMARK", "--set-mark", mark})},
		{"mangle", "PREROUTING", []string{"-p", "tcp", "-m", "connmark", "--mark", mark, "-j", "MARK", "--set-mark", mark}},
	}
}

// A clientWay is the way back to the port driver.
type clientWay struct {
	closed error     // why there is none, for as long as the namespaces are there
	looked time.Time // all was well then
}

// open makes it. Where that fails the driver does without.
func (w *clientWay) open(ctx context.Context) {
	if err := w.make(ctx); err != nil {
		w.closed = host.WithRemedy(message.Errorf("pods do not see the address of outside clients: %w", err),
			"load the modules of the package and restart the node: systemctl restart systemd-modules-load; %s", host.RestartNode)
		slog.Warn("keeping the addresses of clients", "error", err)
	}
}

// mend makes it anew. It asks for the rules now and then, as mendRules does.
func (w *clientWay) mend(ctx context.Context) error {
	if w.closed != nil || time.Since(w.looked) < netResync {
		return w.closed
	}
	return w.make(ctx)
}

// make makes what is missing. A worker knows the cluster's networks once it has joined.
func (w *clientWay) make(ctx context.Context) error {
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	if err := makeClientRoute(); err != nil {
		return message.Errorf("creating the way back to outside clients: %w", err)
	}
	for _, rule := range clientRules(n) {
		if err := rule.Append(ctx); err != nil {
			return message.Errorf("creating the way back to outside clients: %w", err)
		}
	}
	w.looked = time.Now()
	return nil
}

// makeClientRoute makes what has the mark local.
func makeClientRoute() error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	route := netlink.Route{LinkIndex: loopback.Attrs().Index, Table: clientTable, Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}}
	rule := netlink.NewRule()
	rule.Mark, rule.Table, rule.Priority = clientMark, clientTable, clientPriority
	if err := netlink.RouteReplace(&route); err != nil {
		return err
	}
	if err := netlink.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}
