package usernetes

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// AskPrograms says which programs this node needs, as u7s-admin: of its version, and of
// the one that it may go back to. There is no node: then there are none.
func AskPrograms() (versions []string, err error) {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := upgrade.LoadRecord()
	if err != nil {
		return nil, err
	}
	versions = []string{n.Kubernetes}
	for _, other := range []string{r.From, r.To} {
		if other != "" && other != n.Kubernetes {
			versions = append(versions, other)
		}
	}
	return versions, nil
}

// AskUpgrade looks at this node and its cluster, as u7s-admin. Where the cluster does
// not answer, the node's own is known all the same.
func AskUpgrade(ctx context.Context) (s upgrade.State, err error) {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return s, node.NoNode()
	}
	if err != nil {
		return s, err
	}
	made, err := steps.LoadSteps()
	if err == nil {
		err = made.HalfReset()
	}
	if err == nil && !made.Finished {
		err = made.Unfinished()
	}
	if err != nil {
		return s, err
	}
	s = upgrade.State{Name: n.Name, ControlPlane: n.APIPort != 0, Version: n.Kubernetes}
	if s.Record, err = upgrade.LoadRecord(); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	return s, askCluster(ctx, &s)
}

// askCluster asks the cluster as far as this node may: a worker knows of itself alone.
func askCluster(ctx context.Context, s *upgrade.State) error {
	conf := node.KubeletConf
	if s.ControlPlane {
		conf = node.AdminConf
	}
	api, err := kubeapi.NewClient(conf)
	if err != nil {
		return err
	}
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindCluster)
	if err != nil {
		return unanswered(*s, err)
	}
	s.Cluster, _ = stored.Document["kubernetesVersion"].(string)
	if !s.ControlPlane {
		own, err := api.Node(ctx, s.Name)
		s.Nodes = []upgrade.Member{memberOf(own)}
		return err
	}
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, one := range nodes {
		s.Nodes = append(s.Nodes, memberOf(one))
	}
	metrics, err := api.Text(ctx, "/metrics")
	s.Deprecated = upgrade.DeprecatedIn(string(metrics))
	return err
}

// unanswered forgives a cluster that does not answer in the middle of an upgrade.
func unanswered(s upgrade.State, err error) error {
	if s.Record.Unfinished() {
		return nil
	}
	return host.WithRemedy(err, "see what does not run: podsec-k8s status")
}

func memberOf(n kubeapi.ClusterNode) upgrade.Member {
	m := upgrade.Member{Name: n.Metadata.Name, Version: n.Status.NodeInfo.KubeletVersion, Ready: n.Ready(), Cordoned: n.Spec.Unschedulable, TakesPods: !n.Spec.Unschedulable}
	_, m.ControlPlane = n.Metadata.Labels[kubeapi.ControlPlaneLabel]
	for _, taint := range n.Spec.Taints {
		if taint.Effect != "PreferNoSchedule" {
			m.TakesPods = false
		}
	}
	return m
}
