package usernetes

import (
	"errors"
	"io/fs"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A NodeAccess is what root is told of the node, to ask its cluster.
type NodeAccess struct {
	Begun   bool   // there is a node, or half of one
	Running bool   // its namespaces are there
	Member  bool   // it has an identity in a cluster
	Name    string // as the cluster knows it
	Master  bool
	Access  kubeapi.Access // of the cluster's administrator, on a master
}

// AskAccess looks at the node of this machine, as u7s-admin, and on a master
// reads the four fields of the administrator's kubeconfig.
func AskAccess() (a NodeAccess, err error) {
	n, err := node.LoadNode()
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	_, stopped := namespace.ChildPID()
	a = NodeAccess{Begun: true, Running: stopped == nil, Name: n.Name, Master: host.Exists(node.StatePath(node.AdminConf))}
	a.Member = (a.Master || host.Exists(node.StatePath(node.KubeletConf))) && steps.Removed() == nil
	if !a.Master {
		return a, nil
	}
	data, err := host.ReadFile(node.StatePath(node.AdminConf))
	if err != nil {
		return a, message.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	a.Access, err = kubeapi.ParseKubeconfig(data)
	return a, err
}

// Check reports whether what u7s-admin hands to root has its form.
func (a NodeAccess) Check() error {
	if a.Begun {
		if err := node.CheckNames(a.Name); err != nil {
			return err
		}
	}
	if !a.Master {
		return nil
	}
	return a.Access.Check()
}
