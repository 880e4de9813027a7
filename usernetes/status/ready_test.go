package status

import (
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestMissingParts: those that are not well are named, with where their logs are.
func TestMissingParts(t *testing.T) {
	up, failed := host.UnitState{Active: "active"}, host.UnitState{Active: "failed", Result: "signal"}
	if err := MissingParts([]Part{{Unit: "a.service", State: up}}, time.Now()); err != nil {
		t.Error(err)
	}
	err := MissingParts([]Part{{Unit: "a.service", State: up}, {Unit: "b.service", State: failed}, {Unit: "c.service", State: up, answer: message.Of("refused")}}, time.Now())
	if err == nil || !strings.HasSuffix(err.Error(), ": b.service: it has failed (signal); c.service: refused") {
		t.Fatalf("%v", err)
	}
	if remedy := host.AsFault(err).Remedy.String(); !strings.HasSuffix(remedy, "journalctl _SYSTEMD_USER_UNIT=b.service _SYSTEMD_USER_UNIT=c.service -n 50 --no-pager") {
		t.Errorf("%q", remedy)
	}
}

// TestAwaitReady: it waits until the cluster counts on the node. A control plane
// asks its own API.
func TestAwaitReady(t *testing.T) {
	m := playMachine(t, "{}")
	m.api.Has("/api/v1/nodes/w1", clusterNode("w1", "127.0.0.1", false))
	time.AfterFunc(time.Millisecond, func() { m.api.Has("/api/v1/nodes/w1", clusterNode("w1", "127.0.0.1", true)) })
	if err := AwaitReady(t.Context(), m.node); err != nil {
		t.Error(err)
	}
	m.node.APIPort = 6443
	api, err := ownAPI(m.node)
	if err != nil || api.Server != "https://127.0.0.1:6443" {
		t.Errorf("%+v, %v", api, err)
	}
}

// TestAskVersion: an upgrade is at its end when the kubelet, and on a control plane
// kube-apiserver, are of the node's version.
func TestAskVersion(t *testing.T) {
	m := playMachine(t, "{}")
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		t.Fatal(err)
	}
	plane := m.node
	plane.APIPort = 6443
	for _, c := range []struct {
		name            string
		of              node.Node
		kubelet, server string
		want            string
	}{
		{"a worker", m.node, "v1.26.3", "v1.26.13", ""},
		{"a worker's kubelet is another one", m.node, "v1.26.13", "v1.26.3", "kubelet as v1.26.13"},
		{"a control plane", plane, "v1.26.3", "v1.26.3", ""},
		{"its API is another one", plane, "v1.26.3", "v1.26.13", "kube-apiserver is v1.26.13"},
	} {
		m.api.Has("/api/v1/nodes/w1", `{"status":{"nodeInfo":{"kubeletVersion":"`+c.kubelet+`"}}}`)
		m.api.Has("/version", `{"gitVersion":"`+c.server+`"}`)
		if err := askVersion(t.Context(), api, c.of); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
