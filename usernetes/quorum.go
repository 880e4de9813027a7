package usernetes

import (
	"context"
	"fmt"
	"net/http"
)

// A quorum is what the cluster knows of the members of its etcd. It is only
// data.
type quorum struct {
	members int // of etcd, this node's among them
	others  int // of those beside this node's, how many are ready
}

// without tells whether etcd goes on when this node's member is taken out.
func (q quorum) without() bool { return q.others >= (q.members-1)/2+1 }

// last tells whether this node's member is the only one.
func (q quorum) last() bool { return q.members <= 1 }

// askQuorum counts the stand-ins of etcd.
func askQuorum(ctx context.Context, admin *apiClient, n Node) (q quorum, err error) {
	var pods struct {
		Items []struct {
			Metadata struct{ DeletionTimestamp string } // set: it is going
			Spec     struct{ NodeName string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := admin.get(ctx, "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd", &pods); err != nil {
		return q, err
	}
	for _, p := range pods.Items {
		if p.Metadata.DeletionTimestamp != "" {
			continue
		}
		q.members++
		for _, c := range p.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" && p.Spec.NodeName != n.Name {
				q.others++
			}
		}
	}
	return q, nil
}

// mayLeave tells whether a cluster can do without this control plane. leave
// takes its Node object away, once the machine has left; it is nil when
// there is no cluster to be asked, or none to be left behind.
func mayLeave(ctx context.Context, n Node) (leave func(context.Context) error, err error) {
	if n.APIPort == 0 || !n.EtcdPeers || !canStat(kept(adminConf)) {
		return nil, nil
	}
	admin, err := newAPIClient(adminConf)
	if err != nil {
		return nil, err
	}
	q, err := askQuorum(ctx, admin, n)
	switch {
	case err != nil:
		return nil, fault("bring the cluster back, or give it up: podsec-k8s reset --force", "asking the other control planes: %w", err)
	case q.last():
		return nil, nil
	case !q.without():
		return nil, fault("bring the other control planes back first, or give the cluster up: podsec-k8s reset --force",
			"without this node only %d of etcd's %d members would be ready, which is no quorum: the cluster would stop", q.others, q.members-1)
	}
	return func(ctx context.Context) error {
		if err := admin.send(ctx, http.MethodDelete, "/api/v1/nodes/"+n.Name, "", nil); err != nil {
			return fmt.Errorf("taking the node out of the cluster: %w", err)
		}
		return nil
	}, nil
}
