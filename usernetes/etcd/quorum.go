package etcd

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A quorum is what the cluster knows of the members of its etcd. It is only
// data.
type quorum struct {
	members int // of etcd, this node's among them
	others  int // of those beside this node's, how many are ready
}

// survivesLoss reports whether etcd goes on when this node's member is taken out.
func (q quorum) survivesLoss() bool { return q.others >= (q.members-1)/2+1 }

// onlyMember reports whether this node's member is the only one.
func (q quorum) onlyMember() bool { return q.members <= 1 }

// An etcdPod is a stand-in of a member of etcd.
type etcdPod struct {
	Metadata struct{ DeletionTimestamp string } // set: it is going
	Spec     struct{ NodeName string }
	Status   struct {
		PodIP      string
		Conditions []struct{ Type, Status string }
	}
}

// listEtcdPods asks the cluster for them.
func listEtcdPods(ctx context.Context, admin *kubeapi.Client) ([]etcdPod, error) {
	var pods struct{ Items []etcdPod }
	err := admin.Get(ctx, "/api/v1/namespaces/kube-system/pods?labelSelector=component%3Detcd", &pods)
	return pods.Items, err
}

// askQuorum counts the stand-ins of etcd.
func askQuorum(ctx context.Context, admin *kubeapi.Client, n node.Node) (q quorum, err error) {
	pods, err := listEtcdPods(ctx, admin)
	if err != nil {
		return q, err
	}
	for _, p := range pods {
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

// Leaver returns what takes this control plane's Node object away, once the
// machine has left. It is an error where the cluster can't do without it, unless
// an earlier run has begun to leave already. hasOthers says that there are other
// control planes, wherever the cluster's etcd is.
func Leaver(ctx context.Context, s steps.Steps, n node.Node, hasOthers bool) (leave func(context.Context) error, err error) {
	stay := func(context.Context) error { return nil }
	if s.HalfReset() != nil {
		admin, err := kubeapi.NewClientOf(node.LeavingFile)
		if node.IsMissing(err) {
			return stay, nil
		}
		return leaving(admin, n), err
	}
	if n.APIPort == 0 || !host.Exists(node.StatePath(node.AdminConf)) {
		return stay, nil
	}
	admin, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return nil, err
	}
	alone, err := CheckQuorum(ctx, admin, n)
	if err != nil || alone && !hasOthers {
		return stay, err
	}
	return leaving(admin, n), keepAdmin()
}

// CheckQuorum is a fault where the members of the cluster's etcd would have no
// quorum without this control plane's. alone reports that there is no other one, or
// that this node is in none that another one could be in.
func CheckQuorum(ctx context.Context, admin *kubeapi.Client, n node.Node) (alone bool, err error) {
	if !n.EtcdPeers {
		return true, nil
	}
	q, err := askQuorum(ctx, admin, n)
	switch {
	case err != nil:
		return false, host.NewFault("restore the cluster, or reset the node anyway: podsec-k8s reset --force", "querying the other control planes: %w", err)
	case q.onlyMember():
		return true, nil
	case !q.survivesLoss():
		return false, host.NewFault("restore the other control planes first, or remove those that are dead: podsec-k8s remove-node NAME --dead; or reset the node anyway: podsec-k8s reset --force",
			"without this node, only %d of %d etcd members would be ready, which is no quorum: the cluster would stop", q.others, q.members-1)
	}
	return false, nil
}

// leaving returns what takes a Node object away. It may be gone already.
func leaving(c *kubeapi.Client, n node.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		err := c.Send(ctx, http.MethodDelete, "/api/v1/nodes/"+n.Name, "", nil)
		var refused *kubeapi.Error
		if err == nil || errors.As(err, &refused) && refused.Status == http.StatusNotFound {
			return nil
		}
		return message.Errorf("removing the node from the cluster: %w", err)
	}
}

// keepAdmin keeps the administrator's kubeconfig for a run that goes on: kubeadm
// reset deletes it.
func keepAdmin() error {
	data, err := os.ReadFile(node.StatePath(node.AdminConf))
	if err != nil {
		return message.Errorf("saving the administrator's kubeconfig: %w", err)
	}
	return host.WriteFile(node.LeavingFile, data, 0o600)
}
