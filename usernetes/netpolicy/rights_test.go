package netpolicy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMain gives the tests a /var/lib of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib")
	os.Exit(m.Run())
}

// asked is an API that lets a node see all.
func asked(t *testing.T) *played.API {
	t.Helper()
	api := played.Start(t)
	api.Has("/api/v1/nodes/m1", `{}`)
	for _, place := range []string{"/api/v1/pods", "/api/v1/namespaces", Policies} {
		api.Has(place, `{"items":[]}`)
	}
	return api
}

// names are those of the objects that were made.
func names(api *played.API) (all []string) {
	for _, s := range api.Sent() {
		metadata, _ := s.Body["metadata"].(map[string]any)
		all = append(all, fmt.Sprint(s.Body["kind"], " ", metadata["name"]))
	}
	return all
}

// TestAwaitRights: a control plane gives all nodes their rights, a worker gives none.
func TestAwaitRights(t *testing.T) {
	for _, c := range []struct {
		name string
		node node.Node
		want []string
	}{
		{"worker", node.Node{Name: "m1"}, nil},
		{"control plane", node.Node{Name: "m1", APIPort: 6443}, []string{
			"ClusterRole podsec-k8s:network-policy", "ClusterRoleBinding podsec-k8s:network-policy",
			"ClusterRole podsec-k8s:network-policies", "ClusterRoleBinding podsec-k8s:network-policies",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := asked(t)
			api.WriteKubeconfig(t, node.StatePath(node.KubeletConf), node.StatePath(node.AdminConf))
			if err := awaitRights(t.Context(), c.node); err != nil {
				t.Fatal(err)
			}
			if got := names(api); !slices.Equal(got, c.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestNoRights: what a node may not see is told with what to do, and given up when asked.
func TestNoRights(t *testing.T) {
	api := asked(t)
	api.Refuses("GET /api/v1/pods", 403)
	api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := awaitRights(ctx, node.Node{Name: "m1"}); err == nil {
		t.Error("it waits no longer, and has no error")
	}
	if err := seesAll(t.Context(), api.Client(), node.Node{Name: "m1"}); err == nil || !strings.Contains(err.Error(), "this node may not see") {
		t.Errorf("%v", err)
	}
	api.Refuses("GET /api/v1/pods", 503)
	if err := seesAll(t.Context(), api.Client(), node.Node{Name: "m1"}); err == nil || strings.Contains(err.Error(), "may not see") {
		t.Errorf("%v", err)
	}
}

// TestGive: rights that are there already are left as they are.
func TestGive(t *testing.T) {
	api := asked(t)
	const call = "POST /apis/rbac.authorization.k8s.io/v1/clusterroles"
	for status, fails := range map[int]bool{409: false, 403: true} {
		api.Refuses(call, status)
		if err := GiveSight(t.Context(), api.Client()); (err != nil) != fails {
			t.Errorf("status %d: %v", status, err)
		}
	}
}
