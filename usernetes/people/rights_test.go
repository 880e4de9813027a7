package people

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestNewTry(t *testing.T) {
	for _, words := range []string{"anna", "anna get pods", "anna * pods/log", "anna create deployments.apps", "anna get a.b.example.org/status"} {
		if _, err := NewTry(strings.Fields(words), "shop"); err != nil {
			t.Errorf("%s: %v", words, err)
		}
	}
	var misuse *node.Misuse
	for _, words := range []string{"anna get", "system:x", "anna Get pods", "anna get /api", "anna get ../x", "anna get pods/a/b", "anna get pods?x"} {
		if _, err := NewTry(strings.Fields(words), ""); !errors.As(err, &misuse) {
			t.Errorf("%s: %v", words, err)
		}
	}
	if _, err := NewTry([]string{"anna"}, "a/b"); !errors.As(err, &misuse) {
		t.Errorf("%v", err)
	}
}

// playGroups plays the discovery of an API of which one group is down.
func playGroups(c *cluster) {
	c.Has("/api/v1", `{"resources":[{"name":"pods"},{"name":"pods/log"}]}`)
	c.Has("/apis", `{"groups":[{"name":"metrics.k8s.io","preferredVersion":{"groupVersion":"metrics.k8s.io/v1beta1"}},{"name":"apps","preferredVersion":{"groupVersion":"apps/v1"}}]}`)
	c.Refuses("GET /apis/metrics.k8s.io/v1beta1", http.StatusServiceUnavailable)
	c.Has("/apis/apps/v1", `{"resources":[{"name":"deployments"}]}`)
}

// TestCan asks about one thing, by the groups of the certificates that are good.
func TestCan(t *testing.T) {
	c := playCluster(t)
	playGroups(c)
	now := time.Now()
	c.hasUsers(User{Name: "anna", Certificates: []Certificate{{[]string{"old"}, now, now.Add(-time.Hour)}, {[]string{"dev"}, now, now.Add(time.Hour)}}})
	c.Answers("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(s played.Sent) any {
		text, err := json.Marshal(s.Body["spec"])
		allowed := string(text) == `{"groups":["dev","system:authenticated"],"resourceAttributes":{"group":"apps","namespace":"shop","resource":"deployments","subresource":"","verb":"create"},"user":"anna"}`
		if !allowed {
			t.Logf("asked for %s, %v", text, err)
		}
		return map[string]any{"status": map[string]any{"allowed": allowed}}
	})
	for _, resource := range []string{"deployments", "deployments.apps"} {
		if r, err := Can(t.Context(), c.Client(), Try{"anna", "create", resource, "shop"}); err != nil || !r.Allowed || r.Ended {
			t.Errorf("%s: %+v, %v", resource, r, err)
		}
	}
	if r, err := Can(t.Context(), c.Client(), Try{"anna", "get", "pods/log", "shop"}); err != nil || r.Allowed {
		t.Errorf("%+v, %v", r, err)
	}
	for resource, want := range map[string]string{"pods.apps": "no resource pods.apps", "deployment": "503", "nodes.metrics.k8s.io": "503"} {
		if _, err := Can(t.Context(), c.Client(), Try{"anna", "get", resource, ""}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", resource, err)
		}
	}
	if _, err := Can(t.Context(), c.Client(), Try{"boris", "get", "pods", ""}); err == nil || !strings.Contains(err.Error(), "no user boris") {
		t.Errorf("%v", err)
	}
}

// TestRules asks about all, as the user.
func TestRules(t *testing.T) {
	c := playCluster(t)
	c.hasUsers(User{Name: "anna"})
	const review = "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
	c.Answers(review, func(s played.Sent) any {
		if s.As != "anna" {
			t.Errorf("asked as %q", s.As)
		}
		return json.RawMessage(`{"status":{"resourceRules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}],"nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/version"]}]}}`)
	})
	r, err := Can(t.Context(), c.Client(), Try{User: "anna", Namespace: "shop"})
	if err != nil || len(r.Rules) != 2 || r.Rules[0].Resources[0] != "pods" || !r.Ended {
		t.Errorf("%+v, %v", r, err)
	}
	if got := c.Sent()[0].Body["spec"].(map[string]any)["namespace"]; got != "shop" { //nolint:forcetypeassert // a test
		t.Errorf("asked about %v", got)
	}
}
