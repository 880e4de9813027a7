package upgrade

import (
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A State is what root is told of a node that is to be upgraded.
type State struct {
	Name         string
	ControlPlane bool
	Version      string // of the node's programs
	Cluster      string // of the cluster, by its configuration
	Nodes        []Member
	Deprecated   []Deprecated // what was asked for since the apiserver has started
	Record       Record
}

// A Member is one node of the cluster.
type Member struct {
	Name         string `json:"name"`
	Version      string `json:"version"` // of its kubelet
	ControlPlane bool   `json:"controlPlane"`
	Ready        bool   `json:"ready"`
	Cordoned     bool   `json:"cordoned"`
	TakesPods    bool   `json:"takesPods"` // it is neither cordoned nor has a taint that keeps pods away
}

// Check reports whether what u7s-admin hands to root has its form.
func (s State) Check() error {
	versions := []string{s.Version, s.Cluster, s.Record.From, s.Record.To}
	names := []string{s.Name}
	for _, m := range s.Nodes {
		versions, names = append(versions, m.Version), append(names, m.Name)
	}
	if err := node.CheckNames(names...); err != nil {
		return err
	}
	for _, version := range versions {
		if _, err := ParseVersion(version); err != nil && version != "" {
			return message.Errorf("the node reports an invalid version: %w", err)
		}
	}
	for _, d := range s.Deprecated {
		if err := d.check(); err != nil {
			return err
		}
	}
	return nil
}

// Own is what the cluster says of this node.
func (s State) Own() (own Member) {
	for _, m := range s.Nodes {
		if m.Name == s.Name {
			own = m
		}
	}
	return own
}

// Behind lists the nodes that are not of the cluster's version, the control planes first.
func (s State) Behind() (left []Member) {
	for _, plane := range []bool{true, false} {
		for _, m := range s.Nodes {
			if m.ControlPlane == plane && m.Version != s.Cluster {
				left = append(left, m)
			}
		}
	}
	return left
}

// Elsewhere reports whether another node takes pods: then it makes sense to drain this
// one.
func (s State) Elsewhere() bool {
	for _, m := range s.Nodes {
		if m.Name != s.Name && m.Ready && m.TakesPods {
			return true
		}
	}
	return false
}
