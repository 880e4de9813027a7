package etcd

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
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
		if q.survivesLoss() != c.without || q.onlyMember() != c.last {
			t.Errorf("%+v: without %v, last %v", q, q.survivesLoss(), q.onlyMember())
		}
	}
}

func TestAskQuorum(t *testing.T) {
	api := played.Start(t)
	api.Has(etcdPods, `{"items":[
		 {"spec":{"nodeName":"m1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
		 {"spec":{"nodeName":"m2"},"status":{"conditions":[{"type":"Ready","status":"True"}]}},
		 {"spec":{"nodeName":"m3"},"status":{"conditions":[{"type":"Ready","status":"False"}]}},
		 {"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"nodeName":"m4"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`)
	q, err := askQuorum(t.Context(), api.Client(), node.Node{Name: "m1"})
	if err != nil || q != (quorum{members: 3, others: 1}) {
		t.Errorf("%+v, %v", q, err)
	}
}

// etcdPods is where the API has the stand-ins of etcd.
const etcdPods = "/api/v1/namespaces/kube-system/pods"

// readyPods is the stand-ins of nodes whose etcd is ready, or is not where the
// name has a mark.
func readyPods(names ...string) string {
	var all []string
	for _, name := range names {
		name, bad := strings.CutSuffix(name, "!")
		all = append(all, fmt.Sprintf(`{"spec":{"nodeName":%q},"status":{"conditions":[{"type":"Ready","status":"%v"}]}}`, name, map[bool]string{true: "False", false: "True"}[bad]))
	}
	return `{"items":[` + strings.Join(all, ",") + `]}`
}

// TestLeaver: a control plane goes only where the others are enough, and takes its
// Node object with it.
func TestLeaver(t *testing.T) {
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), APIPort: 6443, EtcdPeers: true}
	for _, c := range []struct {
		name   string
		pods   string // "" for no answer
		steps  steps.Steps
		worker bool
		ok     bool
		leaves bool
	}{
		{"worker", "", steps.Steps{}, true, true, false},
		{"the last one", readyPods("m1"), steps.Steps{}, false, true, false},
		{"one of three", readyPods("m1", "m2", "m3"), steps.Steps{}, false, true, true},
		{"the others are too few", readyPods("m1", "m2!", "m3"), steps.Steps{}, false, false, false},
		{"no answer", "", steps.Steps{}, false, false, false},
		{"an earlier run has begun", "", steps.Steps{Resetting: true}, false, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			machine(t, nil)
			api := played.Start(t)
			api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
			if c.steps.Resetting {
				api.WriteKubeconfig(t, node.LeavingFile)
			}
			if c.pods != "" {
				api.Has(etcdPods, c.pods)
			}
			own := n
			if c.worker {
				own.APIPort = 0
			}
			leave, err := Leaver(t.Context(), c.steps, own, false)
			if (err == nil) != c.ok {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
			if err := leave(t.Context()); err != nil {
				t.Error(err)
			}
			sent := api.Sent()
			if left := len(sent) == 1 && sent[0].Call == "DELETE /api/v1/nodes/m1"; left != c.leaves || len(sent) > 1 {
				t.Errorf("%+v", sent)
			}
			if _, err := kubeapi.NewClientOf(node.LeavingFile); (err == nil) != c.leaves {
				t.Errorf("the administrator is kept for a run that goes on: %v", err)
			}
		})
	}
}

// TestLeaverOfOtherEtcd: where the cluster's etcd is elsewhere, only the caller knows
// of other control planes.
func TestLeaverOfOtherEtcd(t *testing.T) {
	for _, hasOthers := range []bool{false, true} {
		machine(t, nil)
		api := played.Start(t)
		api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
		leave, err := Leaver(t.Context(), steps.Steps{}, node.Node{Name: "m1", APIPort: 6443}, hasOthers)
		if err != nil {
			t.Fatal(err)
		}
		if err := leave(t.Context()); err != nil {
			t.Error(err)
		}
		if left := len(api.Sent()) == 1; left != hasOthers {
			t.Errorf("others %v, left %v", hasOthers, left)
		}
	}
}

// TestLeaverGoesOn: what is gone already needs no leaving.
func TestLeaverGoesOn(t *testing.T) {
	machine(t, nil)
	n := node.Node{Name: "m1"}
	leave, err := Leaver(t.Context(), steps.Steps{Resetting: true}, n, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := leave(t.Context()); err != nil {
		t.Errorf("nobody was kept: %v", err)
	}
	api := played.Start(t)
	for status, ok := range map[int]bool{http.StatusNotFound: true, http.StatusForbidden: false} {
		api.Refuses("DELETE /api/v1/nodes/m1", status)
		if err := leaving(api.Client(), n)(t.Context()); (err == nil) != ok {
			t.Errorf("%d: %v", status, err)
		}
	}
}
