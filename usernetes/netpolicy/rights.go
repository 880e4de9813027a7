package netpolicy

import (
	"context"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// Policies is the place of all NetworkPolicies of a cluster in its API.
const Policies = "/apis/networking.k8s.io/v1/networkpolicies"

// A right is what every node's own identity (group system:nodes) may list and watch, as
// a ClusterRole with a binding of the same name. None may write.
type right struct {
	name  string
	rules []any
}

func read(group string, resources ...string) document.Document {
	return document.Document{"apiGroups": []string{group}, "resources": resources, "verbs": []string{"list", "watch"}}
}

// seePolicies is for nodes that warn of policies which they do not enforce.
func seePolicies() right {
	return right{"podsec-k8s:network-policies", []any{read("networking.k8s.io", "networkpolicies")}}
}

// enforce is for kube-router: a policy names pods of all nodes, by their labels and
// those of their namespaces. What else it lists, Nodes, Services and endpoints, kube-proxy
// lists too, whose rights nodes have. Newer versions of Kubernetes let a node list its own
// pods alone, whose environment may be nobody else's: so a cluster has this only where
// kube-router is installed.
// Source: kube-router's pkg/cmd/kube-router.go, informerFactory; the Kubernetes
// documentation, "Using Node Authorization", AuthorizeNodeWithSelectors.
func enforce() right {
	return right{"podsec-k8s:network-policy", []any{read("", "pods", "namespaces")}}
}

// GiveSight lets all nodes see the policies. It is asked as the cluster's administrator.
func GiveSight(ctx context.Context, admin *kubeapi.Client) error {
	return seePolicies().give(ctx, admin)
}

// give makes the role and its binding, which may be there.
func (r right) give(ctx context.Context, admin *kubeapi.Client) error {
	const group, place = "rbac.authorization.k8s.io", "/apis/rbac.authorization.k8s.io/v1/"
	metadata := document.Document{"name": r.name}
	for _, object := range []struct {
		place    string
		document document.Document
	}{
		{"clusterroles", document.Document{"apiVersion": group + "/v1", "kind": "ClusterRole", "metadata": metadata, "rules": r.rules}},
		{"clusterrolebindings", document.Document{
			"apiVersion": group + "/v1", "kind": "ClusterRoleBinding", "metadata": metadata,
			"roleRef":  document.Document{"apiGroup": group, "kind": "ClusterRole", "name": r.name},
			"subjects": []any{document.Document{"apiGroup": group, "kind": "Group", "name": "system:nodes"}},
		}},
	} {
		err := admin.Send(ctx, http.MethodPost, place+object.place, "application/json", object.document)
		if err != nil && !kubeapi.HasStatus(err, http.StatusConflict) {
			return err
		}
	}
	return nil
}

// rightsTimeout is how long the cluster may take to know this node, and to let it see
// what kube-router asks for.
const rightsTimeout = time.Minute

// awaitRights waits until kube-router gets the answers that it needs. On a control plane
// it gives all nodes the rights for that first.
func awaitRights(ctx context.Context, n node.Node) error {
	return wait.Until(ctx, rightsTimeout, func() error {
		if n.APIPort != 0 {
			admin, err := kubeapi.NewClient(node.AdminConf)
			if err != nil {
				return err
			}
			if err := enforce().give(ctx, admin); err != nil {
				return err
			}
			if err := GiveSight(ctx, admin); err != nil {
				return err
			}
		}
		api, err := kubeapi.NewClient(node.KubeletConf)
		if err != nil {
			return err
		}
		return seesAll(ctx, api, n)
	})
}

// seesAll is why kube-router would only wait for the cluster, or nil.
func seesAll(ctx context.Context, api *kubeapi.Client, n node.Node) error {
	if _, err := api.Node(ctx, n.Name); err != nil {
		return err
	}
	var list struct{ Items []any }
	for _, place := range []string{"/api/v1/pods", "/api/v1/namespaces", Policies} {
		err := api.Get(ctx, place+"?limit=1", &list)
		if kubeapi.HasStatus(err, http.StatusForbidden) {
			return host.NewFault("install podsec-k8s-network-policy on a control plane, too: there it gives all nodes that right", "this node may not see what NetworkPolicies are about: %w", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
