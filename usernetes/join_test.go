package usernetes

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// aClusterConfig is where a cluster has its configuration, and what is in it.
const (
	configPath     = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config"
	aClusterConfig = `{"data":{"ClusterConfiguration":"networking: {podSubnet: 10.1.0.0/16, serviceSubnet: 10.2.0.0/16, dnsDomain: example.org}\ncontrolPlaneEndpoint: api.example:6443\n"}}`
)

// TestJoin makes a worker, which takes its networks from the cluster, and keeps no
// token.
func TestJoin(t *testing.T) {
	s := playSite(t)
	s.api.Has(configPath, aClusterConfig)
	s.node.APIPort, s.node.IP = 0, s.node.IP.Next()
	plan := Plan{Node: s.node, Config: []byte("token: x\n")}
	if err := RunPhases(t.Context(), JoinPhases(), plan, &recorder{}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if ran := s.ran(); !slices.Equal(ran, []string{"kubeadm join --config=" + node.InitFile}) {
		t.Errorf("ran %q", ran)
	}
	n, err := node.LoadNode()
	if err != nil || n.PodCIDR.String() != "10.1.0.0/16" || n.ServiceCIDR.String() != "10.2.0.0/16" || n.DNSDomain != "example.org" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := os.Stat(node.InitFile); !os.IsNotExist(err) {
		t.Errorf("the token is kept: %v", err)
	}
	if _, err := os.Stat(node.ClusterFile); !os.IsNotExist(err) {
		t.Errorf("a worker keeps what only a control plane needs: %v", err)
	}
}

// TestJoinKeepsCluster: a control plane that joins keeps the cluster's configuration.
func TestJoinKeepsCluster(t *testing.T) {
	s := playSite(t)
	s.api.Has(configPath, aClusterConfig)
	s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	_ = startWorkerNetwork(t.Context(), &Work{Plan: Plan{Node: s.node}, Manager: manager, Out: io.Discard}) // all after it is played elsewhere
	if data, err := os.ReadFile(node.ClusterFile); err != nil || !strings.Contains(string(data), "dnsDomain: example.org") {
		t.Errorf("%s, %v", data, err)
	}
}

// TestJoinAgain: a node that was cut while it joined says that it is not ready, so
// that kubeadm lets it join under its name.
func TestJoinAgain(t *testing.T) {
	s := playSite(t)
	s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	w := &Work{Plan: Plan{Node: s.node}, Manager: manager, Out: io.Discard}
	if err := leaveUnready(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if sent := s.api.Sent(); len(sent) != 1 || sent[0].Call != "PATCH /api/v1/nodes/m1/status" {
		t.Errorf("%+v", sent)
	}
	if s.systemd.Active("u7s-kubelet.service") != "inactive" {
		t.Error("the kubelet says otherwise")
	}
}

// TestTakeNetworks refuses a configuration without networks.
func TestTakeNetworks(t *testing.T) {
	for config, ok := range map[string]bool{
		"networking: {podSubnet: 10.1.0.0/16, serviceSubnet: 10.2.0.0/16}": true,
		"networking: {podSubnet: 10.1.0.0/16}":                             false,
		"networking: {serviceSubnet: 10.2.0.0/16}":                         false,
		"[": false,
	} {
		if err := takeNetworks(&node.Node{}, []byte(config)); (err == nil) != ok {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestJoinFault(t *testing.T) {
	known := host.NewFault("try again", "no room")
	if err := joinFault(known); err != known { //nolint:errorlint // the very same
		t.Errorf("%v", err)
	}
	if f := host.AsFault(joinFault(errors.New("x"))); !strings.Contains(f.Remedy.String(), "podsec-k8s token create") {
		t.Errorf("%+v", f)
	}
}
