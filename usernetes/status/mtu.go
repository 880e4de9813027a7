package status

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/ports"
)

// echoTime is how long the answer to one echo may take.
const echoTime = time.Second

// Bytes of an IPv4 and an ICMP header, and of an echo that passes everywhere.
const (
	echoHeaders = 20 + 8
	smallEcho   = 64
)

// checkPaths tells of the nodes that this one's largest packets don't reach,
// or whose answers don't come back, though small ones do. The packets of pods
// travel in the fragments of such packets, and some networks drop fragments.
// A node that does not answer at all is for others to tell of.
func checkPaths(ctx context.Context, size int, peers []netip.Addr) []*host.Fault {
	faults := make([]*host.Fault, len(peers))
	var all sync.WaitGroup
	for i, peer := range peers {
		all.Go(func() {
			if echo(ctx, peer, smallEcho) == nil && echo(ctx, peer, size) != nil {
				faults[i] = host.NewFault("set a smaller MTU in /etc/podsec-k8s on each node, for example 1500, and create or join the node again: podsec-k8s reset",
					"packets of %d bytes are lost between this node and %s; smaller ones arrive", size, peer)
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(faults, func(f *host.Fault) bool { return f == nil })
}

// echo sends one ICMP echo of a size in bytes, headers included, and waits
// for its answer. An unprivileged user may do that where
// net.ipv4.ping_group_range has its group. Source: icmp(7).
func echo(ctx context.Context, to netip.Addr, size int) error {
	conn, err := icmp.ListenPacket("udp4", "")
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be written
	if err := conn.SetDeadline(time.Now().Add(echoTime)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() }) //nolint:errcheck // reading tells
	defer stop()
	question := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{Seq: 1, Data: make([]byte, size-echoHeaders)}}
	data, err := question.Marshal(nil)
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo(data, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 0))); err != nil {
		return err
	}
	n, _, err := conn.ReadFrom(make([]byte, len(data)))
	if err == nil && n != len(data) {
		err = message.New("the answer is truncated")
	}
	return err
}

// peers asks the cluster for the addresses of its other nodes that are
// ready.
func peers(ctx context.Context, api *kubeapi.Client, n node.Node) (all []netip.Addr, err error) {
	var nodes struct{ Items []kubeapi.ClusterNode }
	if err := api.Get(ctx, "/api/v1/nodes", &nodes); err != nil {
		return nil, message.Errorf("searching the other nodes: %w", err)
	}
	for _, ready := range ports.ReadyAddresses(nodes.Items) {
		if ip, err := netip.ParseAddr(ready.IP); err == nil && ip.Is4() && ip != n.IP {
			all = append(all, ip)
		}
	}
	return all, nil
}
