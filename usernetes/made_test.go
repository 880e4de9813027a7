package usernetes

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// TestAskedAgain makes a node by one call and asks the same machine by another.
func TestAskedAgain(t *testing.T) {
	const site = "{apiVersion: %s, kind: ClusterConfiguration, clusterName: x}"
	made := Options{
		NodeIP: "192.0.2.10", Network: node.SlirpMode, GivenArchives: []string{"a.tar"}, Upload: true,
		Flags:  []string{"--pod-network-cidr=10.1.0.0/16", "--apiserver-cert-extra-sans=a,b", "--skip-phases=addon/coredns", "--certificate-key=" + strings.Repeat("0a", 32), "--token-ttl=1h", "--control-plane-endpoint=api.example:6443", "--v=3"},
		Config: []byte("{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, maxPods: 50, featureGates: {A: true}}"),
	}
	for _, minor := range deps.Minors() {
		made.SiteConfig = []byte(strings.Replace(site, "%s", minor.KubeadmAPI, 1))
		plan, err := PlanMaster(node.DefaultSite(), machine("v"+minor.Version+".3"), made)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(plan.Asked.Config, "0a0a") {
			t.Errorf("the key is kept:\n%s", plan.Asked.Config)
		}
		for _, c := range []struct {
			name    string
			options Options
			says    string // "" for no more than there is
		}{
			{"nothing", Options{}, ""},
			{"the same", made, ""},
			{"a part", Options{Flags: made.Flags[:1]}, ""},
			{"what is the default", Options{Flags: []string{"--service-cidr=10.96.0.0/16", "--node-name=m1"}}, ""},
			{"what says nothing of the node", Options{Flags: []string{"--v=9", "--ignore-preflight-errors=Swap", "--token-ttl=3h"}, Ignore: []string{"disk"}}, ""},
			{"another address", Options{NodeIP: "192.0.2.11"}, "--node-ip"},
			{"another mode", Options{Network: node.VethMode}, "--network"},
			{"another flag", Options{Flags: []string{"--node-name=m2"}}, "--node-name"},
			{"the default, where it was another", Options{Flags: []string{"--pod-network-cidr=10.244.0.0/16"}}, "--pod-network-cidr"},
			{"one more phase", Options{Flags: []string{"--skip-phases=mark-control-plane"}}, "--skip-phases"},
			{"another file", Options{Config: []byte("{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, maxPods: 51}")}, "--config"},
			{"a part of the file", Options{Config: []byte("{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, maxPods: 50}")}, ""},
			{"the default audit log", Options{Audit: audit.Setting{Mode: audit.Metadata}}, ""},
			{"another audit log", Options{Audit: audit.Setting{Mode: audit.Off}}, "--audit"},
			{"a policy of its own", Options{Audit: audit.Setting{Mode: audit.Own, Policy: []byte("x")}}, "--audit"},
			{"another archive", Options{GivenArchives: []string{"a.tar", "b.tar"}}, "images"},
		} {
			t.Run(minor.Version+" "+c.name, func(t *testing.T) {
				err := check(plan.Asked, c.options, nil, plan.Node, true)
				if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
					t.Errorf("got %v, want %q", err, c.says)
				}
			})
		}
	}
	old := steps.Asked{} // of a node that an earlier version joined
	if err := check(old, Options{GivenArchives: []string{"a.tar"}, Flags: []string{"--node-name=x"}}, &kubeadm.JoinRequest{}, node.Node{}, false); err != nil {
		t.Error(err)
	}
	if err := check(old, Options{NodeIP: "192.0.2.9"}, &kubeadm.JoinRequest{}, node.Node{IP: netip.MustParseAddr("192.0.2.1")}, false); err == nil {
		t.Error("another address was taken")
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		done []string
		port int
		want steps.Role
	}{
		{nil, 0, steps.RoleNone},
		{[]string{"namespaces", "runtime"}, 6443, steps.RoleNone},
		{[]string{"namespaces", steps.PhaseInit}, 6443, steps.RoleFirst},
		{[]string{"namespaces", steps.PhaseJoin}, 6443, steps.RoleControl},
		{[]string{"namespaces", steps.PhaseJoin}, 0, steps.RoleWorker},
	} {
		is := steps.Steps{Done: c.done}.Role(node.Node{APIPort: c.port})
		if is != c.want {
			t.Errorf("%v: %d, want %d", c.done, is, c.want)
		}
		if err := checkRole(is, nil); (err == nil) != (is == steps.RoleNone || is == steps.RoleFirst) {
			t.Errorf("create-master on %d: %v", is, err)
		}
	}
}
