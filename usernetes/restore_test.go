package usernetes

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

const backedUp = `apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.26.3
controlPlaneEndpoint: 192.0.2.10:6443
imageRepository: registry.example/k8s
networking: {dnsDomain: a.example, podSubnet: 10.200.0.0/16, serviceSubnet: 10.201.0.0/16}
etcd: {local: {dataDir: /var/lib/etcd}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {bindPort: 7443}
nodeRegistration: {taints: []}
`

func restoring(version string) RestoreRequest {
	return RestoreRequest{
		Digest: "abc", Kubernetes: version, Name: "m1", Address: netip.MustParseAddr("192.0.2.10"),
		Node: node.Node{Network: "pasta", MTU: 1400},
	}
}

// TestPlanRestore: the cluster is that of the backup, the machine this one.
func TestPlanRestore(t *testing.T) {
	facts := preflight.Facts{Kubernetes: "v1.26.9", Hostname: "New", DefaultIP: netip.MustParseAddr("192.0.2.20")}
	o := Options{ConfigName: "kubeadm.yaml", Config: []byte(backedUp)}
	p, err := PlanRestore(node.DefaultSite(), facts, o, restoring("v1.26.3"))
	if err != nil {
		t.Fatal(err)
	}
	n := p.Node
	if n.Name != "m1" || n.IP.String() != "192.0.2.20" || n.PodCIDR.String() != "10.200.0.0/16" || n.APIPort != 7443 || n.Network != "pasta" || n.MTU != 1400 || !n.EtcdPeers {
		t.Errorf("%+v", n)
	}
	for _, line := range []string{"controlPlaneEndpoint: 192.0.2.20:6443", "kubernetesVersion: v1.26.9", "advertiseAddress: 192.0.2.20", "name: m1", "dnsDomain: a.example"} {
		if !strings.Contains(string(p.Config), line) {
			t.Errorf("no %q in\n%s", line, p.Config)
		}
	}
	if !slices.Equal(p.Pass, []string{"--ignore-preflight-errors=DirAvailable--var-lib-etcd"}) || len(o.Flags) != 0 {
		t.Errorf("%q, %q", p.Pass, o.Flags)
	}
	other := p
	if other.Restore = "def"; p.sameAsBefore(steps.Steps{Config: other.digest()}) || !p.sameAsBefore(steps.Steps{Config: p.digest()}) {
		t.Error("another backup is taken for the same")
	}
	o.Flags, o.Network = []string{"--node-name=m9", "--control-plane-endpoint=api.example"}, "slirp4netns"
	if p, err = PlanRestore(node.DefaultSite(), facts, o, restoring("v1.26.3")); err != nil || p.Node.Name != "m9" || p.Node.Endpoint != "api.example" {
		t.Errorf("%+v, %v", p.Node, err)
	}
	if _, err = PlanRestore(node.DefaultSite(), facts, o, restoring("v1.34.4")); err == nil || !strings.Contains(err.Error(), "the backup is of Kubernetes v1.34.4") {
		t.Errorf("another minor: %v", err)
	}
}

// TestRestoreNeedsPrograms of the backup's minor, and an etcd that is not older.
func TestRestoreNeedsPrograms(t *testing.T) {
	r := restoring("v1.34.4")
	r.Etcd = "3.6.4"
	for name, c := range map[string]struct {
		kubeadm  string
		versions map[string]string
		says     string
	}{
		"the same":         {"v1.34.4", map[string]string{"kubelet": "v1.34.4", "etcd": "3.6.4"}, ""},
		"other patches":    {"v1.34.1", map[string]string{"kubelet": "v1.34.7+alt", "etcd": "3.6.0"}, ""},
		"a newer etcd":     {"v1.34.4", map[string]string{"etcd": "3.10.0"}, ""},
		"no kubeadm":       {"", nil, ""},
		"an older etcd":    {"v1.34.4", map[string]string{"etcd": "3.5.21"}, "the backup is of etcd 3.6.4, this machine has the older 3.5.21"},
		"a newer kubelet":  {"v1.34.4", map[string]string{"kubelet": "v1.35.0", "kube-scheduler": "v1.35.0"}, "this machine has kube-scheduler v1.35.0, kubelet v1.35.0"},
		"another kubeadm":  {"v1.26.3", nil, "the backup is of Kubernetes v1.34.4, this machine has v1.26.3"},
		"an odd version":   {"v1.34.4", map[string]string{"etcd": "main"}, ""},
		"an older program": {"v1.34.4", map[string]string{"kube-apiserver": "v1.9.4"}, "this machine has kube-apiserver v1.9.4"},
	} {
		err := r.checkVersions(preflight.Facts{Kubernetes: c.kubeadm, Versions: c.versions})
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || host.AsFault(err).Remedy.Empty()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRestoreKeepsAudit: the audit log is written as the cluster of the backup wrote it,
// and not at all where it did not. A backup of an earlier version may lack the policy.
func TestRestoreKeepsAudit(t *testing.T) {
	policy := []byte("of the site")
	own := audit.Setting{Mode: audit.Own, Policy: policy}
	foreign := func(cluster document.Document) {
		cluster["apiServer"] = document.Document{"extraArgs": document.Document{"audit-webhook-config-file": "/x"}}
	}
	for name, c := range map[string]struct {
		lay    func(document.Document)
		policy []byte
		want   audit.Mode
	}{
		"off":            {audit.Setting{Mode: audit.Off}.Lay, nil, audit.Off},
		"requests":       {audit.Setting{Mode: audit.Requests}.Lay, nil, audit.Requests},
		"the site's":     {own.Lay, policy, audit.Own},
		"lacking":        {own.Lay, nil, audit.Metadata},
		"another policy": {own.Lay, []byte("of another"), audit.Metadata},
		"own arguments":  {foreign, nil, audit.Other},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := document.Parse([]byte(backedUp))
			if err != nil {
				t.Fatal(err)
			}
			c.lay(docs[0])
			config, err := document.Format(docs)
			if err != nil {
				t.Fatal(err)
			}
			r := restoring("v1.26.3")
			r.Policy = c.policy
			facts := preflight.Facts{Kubernetes: "v1.26.9", DefaultIP: netip.MustParseAddr("192.0.2.20")}
			p, err := PlanRestore(node.DefaultSite(), facts, Options{ConfigName: "kubeadm.yaml", Config: config}, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := audit.OfConfig(p.Config).Mode; got != c.want || (string(p.Policy) == string(policy)) != (c.want == audit.Own) {
				t.Errorf("%s, with the policy %q, in\n%s", got, p.Policy, p.Config)
			}
		})
	}
}

func TestMovedEndpoint(t *testing.T) {
	from, to := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("192.0.2.20")
	for endpoint, want := range map[string]string{
		"192.0.2.10:6443": "192.0.2.20:6443", "192.0.2.10": "192.0.2.20", "192.0.2.11:6443": "", "api.example:6443": "", `""`: "",
	} {
		got, err := movedEndpoint([]byte("kind: ClusterConfiguration\ncontrolPlaneEndpoint: "+endpoint), from, to)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", endpoint, got, err)
		}
	}
	if _, err := movedEndpoint([]byte("{"), from, to); err == nil {
		t.Error("what can't be read is taken")
	}
}

// TestRestorePhases: a backup that nobody has opened makes no control plane.
func TestRestorePhases(t *testing.T) {
	var names []string
	for _, p := range RestorePhases() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"namespaces", "runtime", "images", "control-plane", "adopt", "network", "ready"}) {
		t.Errorf("%q", names)
	}
	if err := restoreControlPlane(t.Context(), &Work{}); err == nil {
		t.Error("nothing is restored")
	}
}

// TestAdopt: the public information leads here, and the other control planes go with
// their pods. It can be done twice.
func TestAdopt(t *testing.T) {
	s := playSite(t)
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	s.api.Has("/api/v1/namespaces/kube-public/configmaps/cluster-info", `{"data":{"kubeconfig":"clusters: [{name: '', cluster: {server: 'https://192.0.2.10:6443'}}]"}}`)
	s.api.Has("/api/v1/nodes", `{"items":[{"metadata":{"name":"m1"}},{"metadata":{"name":"m2"}}]}`)
	s.api.Has("/api/v1/nodes/m2", `{"metadata":{"name":"m2"}}`)
	s.api.Has("/api/v1/pods", `{"items":[{"metadata":{"namespace":"kube-system","name":"etcd-m2"}}]}`)
	s.api.Has("/api/v1/namespaces/kube-system/pods/etcd-m2", `{}`)
	w := &Work{Plan: Plan{Node: s.node}}
	if err := adopt(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, one := range s.api.Sent() {
		calls = append(calls, one.Call)
	}
	sent := strings.Join(calls, "\n")
	for _, call := range []string{"DELETE /api/v1/namespaces/kube-system/pods/etcd-m2", "DELETE /api/v1/nodes/m2", "PATCH /api/v1/namespaces/kube-public/configmaps/cluster-info"} {
		if !strings.Contains(sent, call) {
			t.Errorf("no %s in\n%s", call, sent)
		}
	}
	if strings.Contains(sent, "DELETE /api/v1/nodes/m1") {
		t.Error("its own Node goes")
	}
	s.api.Has("/api/v1/nodes", `{"items":[{"metadata":{"name":"m1"}},{"metadata":{"name":"w1"}},{"metadata":{"name":"w2"}}]}`)
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		t.Fatal(err)
	}
	if gone, err := removeControlPlanes(t.Context(), api, "m1"); err != nil || gone[0] != "m2" {
		t.Errorf("the second time: %q, %v", gone, err)
	}
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	s.api.Has("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/w1", `{"spec":{"renewTime":"2099-01-01T00:00:00Z"}}`)
	s.api.Has("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/m1", `{"spec":{"renewTime":"2020-01-01T00:00:00Z"}}`)
	r, err := AskRestored(t.Context())
	if err != nil || !slices.Equal(r.Removed, []string{"m2"}) || !slices.Equal(r.Silent, []string{"w2"}) || r.Check() != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r.Endpoint != "" || r.Address.String() != "127.0.0.1" || !strings.HasPrefix(r.Server, "127.0.0.1:") {
		t.Errorf("%+v", r)
	}
	for endpoint, want := range map[string]string{"192.0.2.10": "", "API.example": "api.example"} {
		s.node.Endpoint = endpoint
		if err := s.node.Save(); err != nil {
			t.Fatal(err)
		}
		if r, err := AskRestored(t.Context()); err != nil || r.Endpoint != want || r.Check() != nil {
			t.Errorf("%s: %+v, %v", endpoint, r, err)
		}
	}
	for _, wrong := range []Restored{{Silent: []string{"a\nb"}, Address: r.Address, Server: r.Server}, {Endpoint: "a\nb", Address: r.Address, Server: r.Server}, {Address: r.Address, Server: "a b"}, {}} {
		if wrong.Check() == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

// TestReported: what the cluster says of before is not taken for now.
func TestReported(t *testing.T) {
	s := playSite(t)
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf))
	since, err := restoredAt()
	if err != nil {
		t.Fatal(err)
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		t.Fatal(err)
	}
	old, now := "2020-01-01T00:00:00Z", time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	for at, good := range map[string]bool{old: false, now: true} {
		s.api.Has("/api/v1/nodes/m1", `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.10"}],"conditions":[{"type":"Ready","status":"True","lastHeartbeatTime":"`+at+`"}]}}`)
		if reported(t.Context(), api, "m1", "192.0.2.11", since) == nil {
			t.Error("another address is taken")
		}
		if err := reported(t.Context(), api, "m1", "192.0.2.10", since); (err == nil) != good {
			t.Errorf("node of %s: %v", at, err)
		}
		for on, well := range map[string]bool{"m1": good, "w1": true} {
			s.api.Has("/api/v1/namespaces/kube-system/pods", `{"items":[{"spec":{"nodeName":"`+on+`"},"status":{"conditions":[{"type":"Ready","status":"True"}],"containerStatuses":[{"state":{"running":{"startedAt":"`+at+`"}}}]}}]}`)
			if err := dnsReported(t.Context(), api, "m1", since); (err == nil) != well {
				t.Errorf("CoreDNS of %s on %s: %v", at, on, err)
			}
		}
	}
	if err := os.Remove(node.StatePath(node.AdminConf)); err != nil {
		t.Fatal(err)
	}
	if _, err := restoredAt(); err == nil || host.Exists(node.RestoredFile) {
		t.Errorf("without a control plane: %v", err)
	}
}
