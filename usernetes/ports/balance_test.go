package ports

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const twoNodes = `{"items":[
 {"metadata":{"name":"m1"},"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.10"}],"conditions":[{"type":"Ready","status":"True"}]}},
 {"metadata":{"name":"w1"},"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.11"}],"conditions":[{"type":"Ready","status":"True"}]}},
 {"metadata":{"name":"w2"},"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.12"}],"conditions":[{"type":"Ready","status":"False"}]}}]}`

// TestBalance: a load balancer has the addresses of the nodes that are ready, or
// of those with a pod of it, and is not written where it has them.
func TestBalance(t *testing.T) {
	for _, c := range []struct{ name, service, want string }{
		{"new", `{"spec":{"type":"LoadBalancer"}}`, "[map[ip:192.0.2.10] map[ip:192.0.2.11]]"},
		{"as it is", `{"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.10"},{"ip":"192.0.2.11"}]}}}`, ""},
		{"a node has gone", `{"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.10"},{"ip":"192.0.2.12"}]}}}`, "[map[ip:192.0.2.10] map[ip:192.0.2.11]]"},
		{"of nodes with a pod", `{"spec":{"type":"LoadBalancer","externalTrafficPolicy":"Local"}}`, "[map[ip:192.0.2.11]]"},
		{"another's", `{"spec":{"type":"LoadBalancer","loadBalancerClass":"x"}}`, ""},
		{"none", `{"spec":{"type":"NodePort"}}`, ""},
	} {
		p, api, _ := published(t)
		api.Has("/api/v1/nodes", twoNodes)
		api.Has("/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", `{"items":[{"endpoints":[{"nodeName":"w1","conditions":{}},{"nodeName":"m1","conditions":{"ready":false}}]}]}`)
		s := decode[kubeapi.Service](t, "["+c.service+"]")[0]
		s.Metadata.Namespace, s.Metadata.Name = "shop", "web"
		m := portNode(node.SlirpMode)
		m.services = []kubeapi.Service{s}
		if _, err := p.balance(t.Context(), m); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := ""
		for _, sent := range api.Sent() {
			if sent.Call != "PATCH /api/v1/namespaces/shop/services/web/status" {
				t.Errorf("%s: %s", c.name, sent.Call)
			}
			got = fmt.Sprint(sent.Body["status"].(map[string]any)["loadBalancer"].(map[string]any)["ingress"])
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDropOldRights: they are deleted once, whether they are there or not.
func TestDropOldRights(t *testing.T) {
	const path = "DELETE /apis/rbac.authorization.k8s.io/v1/"
	p, api, _ := published(t)
	api.Refuses(path+"clusterrolebindings/podsec-k8s:flannel", 503)
	if err := p.dropOldRights(t.Context()); err == nil || p.oldRightsGone {
		t.Errorf("gone %v, %v", p.oldRightsGone, err)
	}
	api.Refuses(path+"clusterrolebindings/podsec-k8s:flannel", 404)
	for range 2 {
		if err := p.dropOldRights(t.Context()); err != nil {
			t.Error(err)
		}
	}
	var calls []string
	for _, s := range api.Sent() {
		calls = append(calls, strings.TrimPrefix(s.Call, path))
	}
	if want := []string{"clusterrolebindings/podsec-k8s:flannel", "clusterrolebindings/podsec-k8s:flannel", "clusterroles/podsec-k8s:flannel"}; !slices.Equal(calls, want) {
		t.Errorf("%q", calls)
	}
}
