package usernetes

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/etcd"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// A LeaveState is what root is told of a node that is to leave its cluster.
type LeaveState struct {
	NodeAccess
	ControlPlane bool
	Address      string
	Endpoint     string // host of the cluster's API, where it is not the node itself
	Removed      bool   // another machine has removed it from the cluster
	Resetting    bool   // an earlier run has begun to take it away
	Ended        bool   // only files of it are left
}

// Check reports whether what u7s-admin hands to root has its form.
func (s LeaveState) Check() error {
	if err := s.NodeAccess.Check(); err != nil {
		return err
	}
	for _, place := range []string{s.Address, s.Endpoint} {
		if place != "" && node.CheckHost(place) != nil {
			return message.Errorf("the node reports the invalid address %q", place)
		}
	}
	return nil
}

// AskLeave looks at the node of this machine, as u7s-admin. What keeps a control
// plane from leaving is a fault.
func AskLeave(ctx context.Context) (s LeaveState, err error) {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return LeaveState{Ended: host.Exists(node.GoneStateDir)}, nil
	}
	if err != nil {
		return s, err
	}
	made, err := steps.LoadSteps()
	if err != nil {
		return s, err
	}
	s = LeaveState{ControlPlane: n.APIPort != 0, Address: n.IP.String(), Removed: steps.Removed() != nil, Resetting: made.HalfReset() != nil}
	s.Begun, s.Name = true, n.Name
	if s.ControlPlane {
		s.Endpoint = n.Endpoint
	}
	if s.Removed || s.Resetting {
		return s, nil
	}
	if s.NodeAccess, err = AskAccess(); err != nil || !s.Master || !s.Running {
		return s, err
	}
	return s, checkLeave(ctx, n)
}

// checkLeave is a fault where the cluster can't do without this control plane.
func checkLeave(ctx context.Context, n node.Node) error {
	admin, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	others, err := otherControlPlanes(ctx, admin, n)
	if err != nil {
		return host.NewFault("restore the cluster first: podsec-k8s status", "querying the other control planes: %w", err)
	}
	if len(others) == 0 {
		return host.NewFault("let another control plane join first, see podsec-k8s token create --control-plane; or delete the whole cluster: podsec-k8s reset",
			"this is the last control plane: without it there is no cluster")
	}
	_, err = etcd.CheckQuorum(ctx, admin, n)
	return err
}
