package usernetes

import (
	"context"
	"errors"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A ConfigState is how far this node is from its configuration.
type ConfigState struct {
	Differences []Difference
	Others      []string // the other nodes
}

// AskConfig compares this node with its configuration.
func AskConfig(ctx context.Context, r ConfigRequest) (s ConfigState, err error) {
	err = withNode(ctx, func(w *Work) error {
		t, err := planConfig(ctx, w, r)
		if err != nil {
			return err
		}
		if s.Differences, err = t.differences(); err != nil {
			return err
		}
		if w.Plan.Node.APIPort != 0 { // a worker may not list them
			s.Others, err = otherNodes(ctx, t.api, w.Plan.Node)
		}
		return err
	})
	return s, err
}

// differences compares the parts of this node with how they are to be configured.
func (t wanted) differences() (all []Difference, err error) {
	for _, m := range t.manifests {
		some, err := manifestDifferences(m)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	for _, d := range t.documents() {
		own, err := d.of.read()
		if err != nil {
			return nil, err
		}
		all = append(all, documentDifferences(d.of.name, own, d.doc)...)
	}
	return all, nil
}

// ApplyConfig brings this node in line with its configuration, which it changes in the
// cluster when the node runs by it. What a run has begun that was cut is undone first.
func ApplyConfig(ctx context.Context, r ConfigRequest) error {
	return withNode(ctx, func(w *Work) error {
		if err := w.goBack(ctx); err != nil {
			return err
		}
		t, err := planConfig(ctx, w, r)
		if err != nil {
			return err
		}
		return w.replaceManifests(ctx, t.manifests, func(ctx context.Context) error {
			return w.replaceConfigs(ctx, t.documents(), t.save)
		})
	})
}

// withNode does something with this node, which has to be finished, and of one address.
func withNode(ctx context.Context, do func(*Work) error) error {
	if err := steps.HalfMoved(); err != nil {
		return err
	}
	return withFinished(ctx, do)
}

// withFinished does something with this node, which has to be finished.
func withFinished(ctx context.Context, do func(*Work) error) error {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return node.NoNode()
	}
	if err != nil {
		return err
	}
	if finished, err := steps.Finished(); err != nil || !finished {
		return errors.Join(err, message.New("this node is only partly created"))
	}
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	return do(&Work{Plan: Plan{Node: n}, Manager: manager})
}

// otherNodes lists the names of all nodes but this one.
func otherNodes(ctx context.Context, api *kubeapi.Client, n node.Node) (names []string, err error) {
	nodes, err := api.Nodes(ctx)
	return namesBeside(n, nodes), err
}

// namesBeside lists the names of nodes but this one's.
func namesBeside(n node.Node, nodes []kubeapi.ClusterNode) (names []string) {
	for _, one := range nodes {
		if one.Metadata.Name != n.Name {
			names = append(names, one.Metadata.Name)
		}
	}
	return names
}

// Check reports whether what u7s-admin hands to root has its form.
func (s ConfigState) Check() error {
	return node.CheckNames(s.Others...)
}
