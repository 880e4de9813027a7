package etcd

import (
	"context"
	"net/url"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// Another is another machine that may have a member of the cluster's etcd: its
// name in the cluster, and the address of its Node object, if there is one still.
type Another struct{ Name, Address string }

// memberOf finds the member of another machine. kubeadm names it after the node; one
// that has never run has no name yet.
func memberOf(members []etcdMember, other Another) (m etcdMember, found bool) {
	at := slices.IndexFunc(members, func(m etcdMember) bool {
		return m.Name == other.Name || m.Name == "" && other.Address != "" && slices.ContainsFunc(m.PeerURLs, func(peer string) bool {
			u, err := url.Parse(peer)
			return err == nil && u.Hostname() == other.Address
		})
	})
	if at < 0 {
		return m, false
	}
	return members[at], true
}

// A Member is whether there is one, and whether it answers.
type Member struct{ Found, Healthy bool }

// FindOther looks for the member of another machine, as this control plane's etcd
// knows it. It is a fault where the members that stay would have no quorum.
func FindOther(ctx context.Context, n node.Node, other Another) (found Member, err error) {
	client, members, err := askMembers(ctx, n)
	if err != nil || client == nil {
		return found, err
	}
	m, is := memberOf(members, other)
	if !is {
		return found, nil
	}
	return Member{true, client.isHealthy(ctx, m)}, client.checkWithout(ctx, members, m)
}

// RemoveOther takes the member of another machine out of the cluster's etcd. It may
// be gone already.
func RemoveOther(ctx context.Context, n node.Node, other Another) error {
	return wait.Until(ctx, etcdTimeout, func() error {
		client, members, err := askMembers(ctx, n)
		if err != nil || client == nil {
			return err
		}
		m, found := memberOf(members, other)
		if !found {
			return nil
		}
		if err := client.checkWithout(ctx, members, m); err != nil {
			return wait.Final{Err: err}
		}
		return client.remove(ctx, m)
	})
}

// askMembers asks this control plane's etcd for the members. There is no client
// where the cluster's etcd is not ours.
func askMembers(ctx context.Context, n node.Node) (client *etcdClient, members []etcdMember, err error) {
	if !n.EtcdPeers {
		return nil, nil, nil
	}
	urls, err := knownEtcdURLs(ctx, n)
	if err != nil || urls == nil {
		return nil, nil, err
	}
	if client, err = newEtcdClient(urls); err != nil {
		return nil, nil, err
	}
	members, err = client.members(ctx)
	if err != nil {
		return nil, nil, host.NewFault("without a quorum of etcd no node can be removed: start the other control planes; podsec-k8s status",
			"the cluster's etcd does not answer: %w", err)
	}
	return client, members, nil
}

// checkWithout asks the members that stay how they are: they have to have a quorum
// without the one that goes.
func (c *etcdClient) checkWithout(ctx context.Context, members []etcdMember, going etcdMember) error {
	q := quorum{members: len(members)}
	for _, m := range members {
		if m.ID != going.ID && c.isHealthy(ctx, m) {
			q.others++
		}
	}
	if q.survivesLoss() {
		return nil
	}
	return host.NewFault("restore the other control planes first; or remove those that are dead before this one: podsec-k8s remove-node NAME --dead",
		"without this node, only %d of %d etcd members would be ready, which is no quorum: the cluster would stop", q.others, q.members-1)
}

// isHealthy reports whether a member answers and has a leader.
// Source: etcd's api/etcdserverpb/rpc.proto, Maintenance.Status.
func (c *etcdClient) isHealthy(ctx context.Context, m etcdMember) bool {
	ctx, cancel := context.WithTimeout(ctx, wait.ProbeTimeout)
	defer cancel()
	var answer struct {
		Leader string
		Errors []string
	}
	for _, url := range m.ClientURLs {
		if err := c.askOne(ctx, url+"/v3/maintenance/status", document.Document{}, &answer); err == nil {
			return answer.Leader != "" && answer.Leader != "0" && len(answer.Errors) == 0
		}
	}
	return false
}
