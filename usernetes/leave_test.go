package usernetes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// planes is where the API has the Node objects.
const planes = "/api/v1/nodes"

// TestAskLeave: how a node is decides what has to be done before it is taken away.
func TestAskLeave(t *testing.T) {
	const two = `{"items":[{"metadata":{"name":"m1"}},{"metadata":{"name":"m2"}}]}`
	for _, c := range []struct {
		name    string
		prepare func(*site)
		want    LeaveState
		fault   string
	}{
		{"no node", func(*site) {}, LeaveState{}, ""},
		{"only files", func(*site) { roottest.WriteFile(t, node.GoneStateDir+"/x", "") }, LeaveState{Ended: true}, ""},
		{"a worker", func(s *site) {
			s.node.APIPort = 0
			s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
		}, LeaveState{NodeAccess: NodeAccess{Begun: true, Running: true, Member: true, Name: "m1"}}, ""},
		{"a removed one", func(*site) { roottest.WriteFile(t, node.RemovedFile, "{}") }, LeaveState{NodeAccess: NodeAccess{Begun: true, Name: "m1"}, ControlPlane: true, Removed: true}, ""},
		{"a cut reset", func(*site) {
			if err := (steps.Steps{Finished: true, Resetting: true}).Save(); err != nil {
				t.Fatal(err)
			}
		}, LeaveState{NodeAccess: NodeAccess{Begun: true, Name: "m1"}, ControlPlane: true, Resetting: true}, ""},
		{"the last control plane", func(s *site) {
			s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
			s.api.Has(planes, `{"items":[{"metadata":{"name":"m1"}}]}`)
		}, LeaveState{NodeAccess: NodeAccess{Begun: true, Running: true, Member: true, Master: true, Name: "m1"}, ControlPlane: true}, "this is the last control plane"},
		{"one of two", func(s *site) {
			s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
			s.api.Has(planes, two)
		}, LeaveState{NodeAccess: NodeAccess{Begun: true, Running: true, Member: true, Master: true, Name: "m1"}, ControlPlane: true}, ""},
		{"others would have no quorum", func(s *site) {
			s.node.EtcdPeers = true
			s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
			s.api.Has(planes, two)
			s.api.Has("/api/v1/namespaces/kube-system/pods", `{"items":[{"spec":{"nodeName":"m1"}},{"spec":{"nodeName":"m2"}}]}`)
		}, LeaveState{NodeAccess: NodeAccess{Begun: true, Running: true, Member: true, Master: true, Name: "m1"}, ControlPlane: true}, "no quorum"},
		{"no answer", func(s *site) { s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf)) }, LeaveState{
			NodeAccess: NodeAccess{Begun: true, Running: true, Member: true, Master: true, Name: "m1"}, ControlPlane: true,
		}, "querying the other control planes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := playSite(t)
			if c.want.Begun {
				if err := s.node.Save(); err != nil {
					t.Fatal(err)
				}
			}
			c.prepare(s)
			if c.want.Begun {
				c.want.Address = "127.0.0.1"
				if err := s.node.Save(); err != nil {
					t.Fatal(err)
				}
			}
			got, err := AskLeave(t.Context())
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%v", err)
			}
			got.Access = kubeapi.Access{}
			if got.Name != c.want.Name || got.Ended != c.want.Ended || got.Removed != c.want.Removed || got.Resetting != c.want.Resetting ||
				got.ControlPlane != c.want.ControlPlane || got.Running != c.want.Running || got.Master != c.want.Master || got.Address != c.want.Address {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestLeaveStateIsChecked: root prints no address that is none.
func TestLeaveStateIsChecked(t *testing.T) {
	for _, c := range []struct {
		state LeaveState
		ok    bool
	}{
		{LeaveState{}, true},
		{LeaveState{Address: "192.0.2.10", Endpoint: "api.example"}, true},
		{LeaveState{Address: "192.0.2.10; rm"}, false},
		{LeaveState{Endpoint: "a b"}, false},
		{LeaveState{NodeAccess: NodeAccess{Begun: true, Name: "a b"}}, false},
	} {
		if err := c.state.Check(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.state, err)
		}
	}
}

// TestRemoval: what the call says of a machine has to be what the cluster knows.
func TestRemoval(t *testing.T) {
	object := func(ready, labels string) string {
		return `{"metadata":{"name":"w1","uid":"u1","labels":{` + labels + `}},"status":{"conditions":[{"type":"Ready","status":"` + ready + `"}]}}`
	}
	const plane = `"node-role.kubernetes.io/control-plane":""`
	for _, c := range []struct {
		name   string
		r      Removal
		object any
		record any
		want   Removable
		fault  string
	}{
		{"a worker", Removal{Name: "w1"}, object("True", ""), nil, Removable{Node: true}, ""},
		{"itself", Removal{Name: "m1"}, nil, nil, Removable{}, "m1 is the node of this machine"},
		{"a dead one", Removal{"w1", true}, object("Unknown", ""), nil, Removable{Node: true}, ""},
		{"a dead one that is not said to be", Removal{Name: "w1"}, object("Unknown", ""), nil, Removable{}, "does not report to the cluster"},
		{"one that is only said to be dead", Removal{"w1", true}, object("True", ""), nil, Removable{}, "is not dead"},
		{"a control plane", Removal{Name: "w1"}, object("True", plane), nil, Removable{}, "is a control plane that runs"},
		{"a dead control plane", Removal{"w1", true}, object("Unknown", plane), nil, Removable{Node: true}, ""},
		{"nobody", Removal{Name: "w1"}, nil, nil, Removable{}, "the cluster has no node w1"},
		{"removed before", Removal{Name: "w1"}, nil, `{"data":{"u1":"{\"name\":\"w1\"}"}}`, Removable{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := playSite(t)
			if err := s.node.Save(); err != nil {
				t.Fatal(err)
			}
			s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
			s.api.Has("/api/v1/nodes/w1", c.object)
			s.api.Has("/api/v1/namespaces/kube-system/configmaps/podsec-k8s-removed-nodes", c.record)
			got, err := CheckRemoval(t.Context(), c.r)
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) || err == nil && got != c.want {
				t.Errorf("%+v, %v", got, err)
			}
			if sent := s.api.Sent(); len(sent) > 0 {
				t.Errorf("a look has changed %+v", sent)
			}
		})
	}
}

// TestRemoveNode: the machine is in the record before its Node object goes.
func TestRemoveNode(t *testing.T) {
	s := playSite(t)
	s.node.IP = netip.MustParseAddr("127.0.0.1")
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	if err := RemoveNode(t.Context(), Removal{Name: "w1"}); err != nil || len(s.api.Sent()) > 0 {
		t.Errorf("gone already: %v, %+v", err, s.api.Sent())
	}
	s.api.Has("/api/v1/nodes/w1", `{"metadata":{"name":"w1","uid":"u1"}}`)
	if err := RemoveNode(t.Context(), Removal{Name: "w1"}); err != nil {
		t.Fatal(err)
	}
	sent := s.api.Sent()
	if len(sent) < 2 || !strings.HasPrefix(sent[len(sent)-2].Call, "PATCH /api/v1/namespaces/kube-system/configmaps/") || sent[len(sent)-1].Call != "DELETE /api/v1/nodes/w1" {
		t.Errorf("%+v", sent)
	}
}
