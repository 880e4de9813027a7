package usernetes

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A NodeAccess is what root is told of the node, to ask its cluster.
type NodeAccess struct {
	Begun   bool   // there is a node, or half of one
	Running bool   // its namespaces are there
	Member  bool   // it has an identity in a cluster
	Name    string // as the cluster knows it
	Master  bool
	Access  Access // of the cluster's administrator, on a master
}

// AskAccess looks at the node of this machine, as u7s-admin, and on a master
// reads the four fields of the administrator's kubeconfig.
func AskAccess() (a NodeAccess, err error) {
	n, err := LoadNode()
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	_, stopped := childPID()
	a = NodeAccess{Begun: true, Running: stopped == nil, Name: n.Name, Master: host.Exists(kept(adminConf))}
	a.Member = a.Master || host.Exists(kept(kubeletConf))
	if !a.Master {
		return a, nil
	}
	data, err := host.ReadFile(kept(adminConf))
	if err != nil {
		return a, fmt.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	a.Access, err = ParseKubeconfig(data)
	return a, err
}

// Check tells whether what u7s-admin hands to root has its form.
func (a NodeAccess) Check() error {
	if a.Begun && !isName(strings.ToLower(a.Name)) {
		return fmt.Errorf("the node's name %q is none", a.Name)
	}
	if !a.Master {
		return nil
	}
	return a.Access.Check()
}
