package namespace

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// overlayDevice is flanneld's name for the pod network's device.
const overlayDevice = "flannel.1"

// A podNetwork is what flanneld, kube-proxy, CRI-O and the CNI plugins make in the
// namespaces, and don't make anew when others undo it.
type podNetwork struct {
	node    node.Node
	flannel recovery
	proxy   recovery
	routes  []string // of the pod network to other nodes, as they were at the last look
	rules   time.Time
	fault   error // of kube-proxy's rules, at the last look
	ports   error // of the host ports' rules

	hostPorts hostPortRules
}

func newPodNetwork(n node.Node) *podNetwork {
	return &podNetwork{node: n, flannel: recovery{unit: units.Flanneld}, proxy: recovery{unit: units.KubeProxy}}
}

// A recovery restarts a service whose work others have undone.
type recovery struct {
	unit string
	seen bool      // all was well once
	bad  int       // looks in a row that found it undone
	last time.Time // it was restarted
}

// recoveryInterval is how long a restarted service has to do its work.
const recoveryInterval = 8 * time.Second

// due reports whether the service is to be restarted: it is not in the middle
// of its work, as when it starts.
func (r *recovery) due(fault error, now time.Time) bool {
	if fault == nil {
		r.seen, r.bad = true, 0
		return false
	}
	r.bad++
	return r.seen && r.bad > 1 && now.Sub(r.last) > recoveryInterval
}

// restart restarts the service, unless somebody has stopped it.
func (r *recovery) restart(ctx context.Context, fault error) error {
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	state, err := manager.State(ctx, r.unit)
	if err != nil || state.Active != "active" {
		return err
	}
	slog.Warn("restarting a service whose work was undone", "unit", r.unit, "fault", fault)
	r.last = time.Now()
	return manager.BeginAgain(ctx, r.unit)
}

// mend makes anew what is missing. There is nothing before flanneld has run.
func (p *podNetwork) mend(ctx context.Context) []error {
	lease, err := ReadSubnet()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []error{err}
	}
	return []error{p.mendBridge(lease), p.mendOverlay(ctx), p.mendRules(ctx), p.ports}
}

// mendBridge makes the pods' bridge anew, with its address, and puts the pods
// back on it. The CNI plugin does the first for the next pod, the second for
// none.
func (p *podNetwork) mendBridge(l Lease) error {
	if !host.Exists(CNIFile) { // it is still to be made
		return nil
	}
	bridge, err := netlink.LinkByName(PodBridge)
	gone := errors.As(err, &netlink.LinkNotFoundError{})
	if gone {
		slog.Warn("mending the pods' bridge, which was taken away")
		if err := netlink.LinkAdd(BridgeLink(l)); err != nil {
			return message.Errorf("creating the bridge %s: %w", PodBridge, err)
		}
		bridge, err = netlink.LinkByName(PodBridge)
	}
	if err != nil {
		return message.Errorf("finding the bridge %s: %w", PodBridge, err)
	}
	if bridge.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(bridge); err != nil {
			return message.Errorf("repairing the bridge %s: %w", PodBridge, err)
		}
	}
	have, err := netlink.AddrList(bridge, unix.AF_INET)
	if err != nil {
		return err
	}
	gateway := netlink.Addr{IPNet: &net.IPNet{IP: l.Subnet.Addr().Next().AsSlice(), Mask: net.CIDRMask(l.Subnet.Bits(), 32)}}
	if err := mendAddress(bridge, have, gateway); err != nil {
		return message.Errorf("repairing the bridge %s: %w", PodBridge, err)
	}
	if gone {
		return attachPods(bridge)
	}
	return p.mendSubnetRoute(l, bridge)
}

// attachPods puts the ends of the pods' pairs back on the bridge. They are the
// pairs that belong to nothing, but for the node's own.
func attachPods(bridge netlink.Link) error {
	links, err := netlink.LinkList()
	if err != nil {
		return message.Errorf("listing devices: %w", err)
	}
	var faults []error
	for _, link := range links {
		a := link.Attrs()
		if link.Type() == "veth" && a.MasterIndex == 0 && strings.HasPrefix(a.Name, "veth") {
			faults = append(faults, netlink.LinkSetMaster(link, bridge), netlink.LinkSetHairpin(link, true))
		}
	}
	return errors.Join(faults...)
}

// mendSubnetRoute makes the route to the pods of this node anew, which comes
// with the bridge's address.
func (p *podNetwork) mendSubnetRoute(l Lease, bridge netlink.Link) error {
	route := netlink.Route{
		LinkIndex: bridge.Attrs().Index, Scope: netlink.SCOPE_LINK, Protocol: unix.RTPROT_KERNEL, Type: unix.RTN_UNICAST,
		Dst: &net.IPNet{IP: l.Subnet.Addr().AsSlice(), Mask: net.CIDRMask(l.Subnet.Bits(), 32)}, Src: l.Subnet.Addr().Next().AsSlice(),
	}
	return keptDevice{name: PodBridge, routes: []netlink.Route{route}}.mendRoutes(bridge)
}

// mendOverlay lets flanneld make its device and routes anew: it does so when
// it starts. Where the root service makes the device, it does so first.
func (p *podNetwork) mendOverlay(ctx context.Context) error {
	device, fault := p.overlay()
	if !p.flannel.due(fault, time.Now()) {
		return p.flannel.report(fault)
	}
	if p.node.Mode().RootService && !fromRoot(device) {
		if err := remakeOverlay(); err != nil {
			return message.Errorf("recreating %s: %w", overlayDevice, err)
		}
	}
	p.routes = nil
	return cmp.Or(p.flannel.restart(ctx, fault), fault)
}

// report passes on a fault that is no part of a start.
func (r *recovery) report(fault error) error {
	if !r.seen {
		return nil
	}
	return fault
}

// overlay looks for the pod network's device and the routes through it.
func (p *podNetwork) overlay() (device netlink.Link, fault error) {
	device, err := netlink.LinkByName(overlayDevice)
	if err != nil {
		return nil, message.Errorf("the pod network's device %s: %w", overlayDevice, err)
	}
	addresses, errAddresses := netlink.AddrList(device, unix.AF_INET)
	routes, errRoutes := netlink.RouteList(device, unix.AF_INET)
	switch err := errors.Join(errAddresses, errRoutes); {
	case err != nil:
		return device, err
	case p.node.Mode().RootService && !fromRoot(device):
		return device, message.Errorf("the pod network's device %s was not created by podsec-k8s-net.service", overlayDevice)
	case device.Attrs().Flags&net.FlagUp == 0:
		return device, message.Errorf("the pod network's device %s is down", overlayDevice)
	case len(addresses) == 0:
		return device, message.Errorf("the pod network's device %s has lost its address", overlayDevice)
	}
	var now []string
	for _, r := range routes {
		now = append(now, destination(r))
	}
	for _, before := range p.routes {
		if !slices.Contains(now, before) {
			return device, message.Errorf("the pod network's route to %s does not exist any more", before)
		}
	}
	p.routes = now
	return device, nil
}

// fromRoot reports whether a device was made in another network namespace,
// the machine's. Source: rtnetlink(7), IFLA_LINK_NETNSID.
func fromRoot(device netlink.Link) bool { return device != nil && device.Attrs().NetNsID >= 0 }

// mendRules lets kube-proxy make its rules anew, which it may leave undone for
// an hour. It asks for the rules now and then: iptables' older implementation
// does not tell of changes.
// Source: kube-proxy's pkg/proxy/util, FullSyncPeriod.
func (p *podNetwork) mendRules(ctx context.Context) error {
	if p.fault == nil && time.Since(p.rules) < netResync {
		return p.proxy.report(p.fault)
	}
	p.rules = time.Now()
	nat, errNAT := iptablesRules(ctx, "nat")
	filter, errFilter := iptablesRules(ctx, "filter")
	if err := errors.Join(errNAT, errFilter); err != nil {
		return err
	}
	p.fault, p.ports = proxyRulesFault(nat, filter), p.hostPorts.mend(ctx, nat)
	if p.proxy.due(p.fault, time.Now()) {
		return cmp.Or(p.proxy.restart(ctx, p.fault), p.fault)
	}
	return p.proxy.report(p.fault)
}

// proxyRulesFault tells which of kube-proxy's rules are gone: the jumps to its
// chains, or the rules of a chain that others jump to.
// Source: kube-proxy's pkg/proxy/iptables/proxier.go.
func proxyRulesFault(nat, filter string) error {
	for _, want := range []struct{ rules, chain, target string }{
		{nat, "PREROUTING", "KUBE-SERVICES"},
		{nat, "OUTPUT", "KUBE-SERVICES"},
		{nat, "POSTROUTING", "KUBE-POSTROUTING"},
		{filter, "FORWARD", "KUBE-FORWARD"},
	} {
		if !hasRule(want.rules, want.chain, want.target) {
			return message.Errorf("kube-proxy's rules were deleted: no rule leads from %s to %s", want.chain, want.target)
		}
		if !strings.Contains(want.rules, "-A "+want.target+" ") {
			return message.Errorf("kube-proxy's rules were deleted: the chain %s is empty", want.target)
		}
	}
	filled := map[string]bool{}
	for line := range strings.Lines(nat) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "-A" {
			filled[fields[1]] = true
		}
	}
	for line := range strings.Lines(nat) {
		chain := jumpTarget(strings.Fields(line))
		if ofService := strings.HasPrefix(chain, "KUBE-SVC-") || strings.HasPrefix(chain, "KUBE-SEP-"); ofService && !filled[chain] {
			return message.Errorf("kube-proxy's rules were deleted: the chain %s is empty", chain)
		}
	}
	return nil
}
