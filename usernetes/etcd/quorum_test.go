package etcd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestQuorum(t *testing.T) {
	for _, c := range []struct {
		members, others int
		without, last   bool
	}{
		{1, 0, false, true},
		{2, 1, true, false},
		{2, 0, false, false},
		{3, 2, true, false},
		{3, 1, false, false},
		{4, 3, true, false},
		{4, 2, true, false},
		{5, 3, true, false},
		{5, 2, false, false},
	} {
		q := quorum{members: c.members, others: c.others}
		if q.without() != c.without || q.last() != c.last {
			t.Errorf("%+v: without %v, last %v", q, q.without(), q.last())
		}
	}
}

func TestAskQuorum(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[
		 {"spec":{"nodeName":"m1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
		 {"spec":{"nodeName":"m2"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
		 {"spec":{"nodeName":"m3"},"status":{"conditions":[{"type":"Ready","status":"False"}]}},
		 {"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"nodeName":"m4"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`)
	}))
	defer server.Close()
	q, err := askQuorum(t.Context(), kubeapi.ClientOf(server.Client(), server.URL), node.Node{Name: "m1"})
	if err != nil || q != (quorum{members: 3, others: 1}) {
		t.Errorf("%+v, %v", q, err)
	}
}
