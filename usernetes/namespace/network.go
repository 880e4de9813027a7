package namespace

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/netnews"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A netKeeper keeps the network of the namespaces as the node has made it:
// what a pod with the node's network takes away, or whoever enters the
// namespaces, is made anew.
type netKeeper struct {
	node    node.Node
	devices []keptDevice
	clients *clientWay
	pods    *podNetwork
}

// netInterval is for what the kernel does not tell of: rules of iptables' older
// implementation, and changes that it had no room to tell of.
const netInterval = time.Second // until a second look, then twice that, and so on

// keepNetwork keeps what the namespaces' devices have now, until ctx ends. It
// runs in the namespaces.
func keepNetwork(ctx context.Context, n node.Node, way *clientWay) error {
	k := &netKeeper{node: n, clients: way, pods: newPodNetwork(n)}
	for _, name := range slices.Compact([]string{"lo", node.TapDevice, n.Mode().Device}) {
		device, err := keepDevice(name)
		if err != nil {
			return message.Errorf("recording the network device %s: %w", name, err)
		}
		k.devices = append(k.devices, device)
	}
	changed, err := netnews.Watch(ctx, unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_NETCONF)
	if err != nil {
		return err
	}
	go func() {
		for interval := netInterval; ctx.Err() == nil; {
			timeout := netResync
			if k.mend(ctx) {
				interval = netInterval
			} else { // what is wrong may need a second look
				timeout, interval = interval, min(2*interval, netResync)
			}
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(timeout):
			}
			netnews.Sleep(ctx, netDebounce)
		}
	}()
	return nil
}

// mend makes anew what is missing, leaves word of what stays so, and reports
// whether all is well.
func (k *netKeeper) mend(ctx context.Context) bool {
	var faults []error
	for _, device := range k.devices {
		if err := device.mend(); err != nil {
			faults = append(faults, message.Errorf("the device %s of the namespaces: %w", device.name, err))
		}
	}
	faults = append(faults, mendSysctls(), k.clients.mend(ctx))
	faults = append(faults, k.pods.mend(ctx)...)
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	if ctx.Err() != nil {
		return true
	}
	if err := saveNetFaults(faults); err != nil {
		slog.Error("noting faults of the network", "error", err)
	}
	return len(faults) == 0
}

// saveNetFaults notes what others are to see of the namespaces' network.
func saveNetFaults(faults []error) error {
	var lines []node.Problem
	for _, fault := range faults {
		lines = append(lines, node.NewProblem(fault))
	}
	return node.NoteNetwork.Save(lines)
}

// NetFaults reads what is wrong with the namespaces' network.
func NetFaults() []node.Problem {
	lines, err := node.NoteNetwork.Problems()
	if err != nil {
		return []node.Problem{node.NewProblem(message.Errorf("reading the state of the network: %w", err))}
	}
	return lines
}
