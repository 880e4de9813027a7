package usernetes

import (
	"context"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/etcd"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/membership"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Removal is of another machine's node.
type Removal struct {
	Name string
	Dead bool // the machine is switched off and does not come back
}

// Removable is what there is of a node to remove.
type Removable struct {
	Node   bool // its object
	Member bool // of etcd
}

// CheckRemoval looks at the node that is to be removed. What keeps it in the cluster
// is a fault.
func CheckRemoval(ctx context.Context, r Removal) (found Removable, err error) {
	own, admin, err := removalBy(r)
	if err != nil {
		return found, err
	}
	n, known, err := findNode(ctx, admin, r.Name)
	if err != nil {
		return found, err
	}
	if known {
		if err := checkState(r, n); err != nil {
			return found, err
		}
	}
	member, err := etcd.FindOther(ctx, own, another(r, n))
	if err != nil {
		return found, err
	}
	found = Removable{Node: known, Member: member.Found}
	switch {
	case member.Healthy:
		return found, leavesItself(r.Name)
	case !known && member.Found && !r.Dead:
		return found, silent(r.Name)
	case known || member.Found:
		return found, nil
	}
	before, err := membership.WasRemoved(ctx, admin, r.Name)
	if err == nil && !before {
		err = host.NewFault("podsec-k8s kubectl get nodes", "the cluster has no node %s", r.Name)
	}
	return found, err
}

// RemoveNode removes a node that is drained: its member of etcd, and its object. Its
// machine finds it in the record.
func RemoveNode(ctx context.Context, r Removal) error {
	own, admin, err := removalBy(r)
	if err != nil {
		return err
	}
	n, known, err := findNode(ctx, admin, r.Name)
	if err != nil {
		return err
	}
	if err := etcd.RemoveOther(ctx, own, another(r, n)); err != nil || !known {
		return err
	}
	if err := membership.Record(ctx, admin, n, time.Now()); err != nil {
		return err
	}
	if err := admin.Delete(ctx, "/api/v1/nodes/"+r.Name); err != nil {
		return message.Errorf("removing the node from the cluster: %w", err)
	}
	return nil
}

// removalBy is this control plane, which removes another node.
func removalBy(r Removal) (own node.Node, admin *kubeapi.Client, err error) {
	if own, err = node.LoadNode(); err != nil {
		return own, nil, err
	}
	if own.Name == r.Name {
		return own, nil, host.NewFault("podsec-k8s leave", "%s is the node of this machine", r.Name)
	}
	admin, err = kubeapi.NewClient(node.AdminConf)
	return own, admin, err
}

// findNode reads a Node object that there may be.
func findNode(ctx context.Context, admin *kubeapi.Client, name string) (n kubeapi.ClusterNode, known bool, err error) {
	n, err = admin.Node(ctx, name)
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return n, false, nil
	}
	return n, err == nil, err
}

func another(r Removal, n kubeapi.ClusterNode) etcd.Another {
	return etcd.Another{Name: r.Name, Address: n.InternalIP()}
}

// checkState compares what the call says of a machine with what the cluster knows.
func checkState(r Removal, n kubeapi.ClusterNode) error {
	_, plane := n.Metadata.Labels[kubeapi.ControlPlaneLabel]
	switch {
	case r.Dead && !n.Silent():
		return host.NewFault("leave out --dead, so that its pods are moved first; the cluster notices within a minute that a machine was switched off",
			"node %s is not dead: its kubelet reports to the cluster", r.Name)
	case r.Dead:
		return nil
	case n.Silent():
		return silent(r.Name)
	case plane:
		return leavesItself(r.Name)
	}
	return nil
}

func silent(name string) error {
	return host.WithRemedy(message.Errorf("the kubelet of node %s does not report to the cluster", name),
		"start the machine, and run the same command again; or if it is switched off and will not come back: podsec-k8s remove-node %s --dead", name)
}

func leavesItself(name string) error {
	return host.WithRemedy(message.Errorf("node %s is a control plane that runs", name),
		"on that machine: podsec-k8s leave; or switch it off first: podsec-k8s remove-node %s --dead", name)
}
