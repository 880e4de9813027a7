package usernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	cluster "github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

const (
	kubeletPath   = "/api/v1/namespaces/kube-system/configmaps/kubelet-config"
	kubeletBefore = node.StateDir + "/kubelet.before.yaml"
	proxyBefore   = node.StateDir + "/kube-proxy.before.yaml"

	aKubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
)

// playConfigured plays a control plane that has the configuration of its cluster.
func playConfigured(t *testing.T) *site {
	t.Helper()
	s := playControlPlane(t, "spoiled")
	roottest.WriteFile(t, s.dir+"/kubeadm", "#!/bin/sh\ncat > /dev/null\n")
	roottest.WriteFile(t, s.dir+"/machine", "containerRuntimeEndpoint: unix:///x\n")
	for _, name := range changeableComponents() {
		text := strings.ReplaceAll(aManifest, "kube-apiserver", name)
		sum := sha256.Sum256([]byte(text))
		roottest.WriteFile(t, staticpod.ManifestFile(name), text)
		roottest.WriteFile(t, filepath.Join(node.OwnRuntimeDir(), "u7s/manifests", name), hex.EncodeToString(sum[:]))
	}
	roottest.WriteFile(t, configuredKubelet().file.Path, aKubelet+"containerRuntimeEndpoint: unix:///x\n")
	writeProxy(t, s.node, "")
	stored := aKubelet + "containerRuntimeEndpoint: \"\"\n" // as kubeadm 1.34 has it
	s.api.Has(kubeletPath, map[string]any{"metadata": map[string]any{"resourceVersion": "8"}, "data": map[string]string{"kubelet": stored}})
	s.api.Answers("PUT "+kubeletPath, func(sent cluster.Sent) any { s.api.Has(kubeletPath, sent.Body); return sent.Body })
	return s
}

// TestConfigOfTheKubelet: a change reaches the kubelet and the cluster, and the fields
// of the machine stay.
func TestConfigOfTheKubelet(t *testing.T) {
	playConfigured(t)
	r := ConfigRequest{File: []byte(aKubelet + "maxPods: 50\nallowedUnsafeSysctls: [net.core.somaxconn]\n")}
	state, err := AskConfig(t.Context(), r)
	want := []Difference{{"kubelet", "allowedUnsafeSysctls", "", `["net.core.somaxconn"]`}, {"kubelet", "maxPods", "", "50"}}
	if err != nil || !reflect.DeepEqual(state.Differences, want) || len(state.Others) != 1 || state.Check() != nil {
		t.Errorf("%+v, %v", state, err)
	}
	if err := ApplyConfig(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(configuredKubelet().file.Path); err != nil || !strings.Contains(string(text), "maxPods: 50") || !strings.Contains(string(text), "unix:///x") {
		t.Errorf("%s, %v", text, err)
	}
	if state, err := AskConfig(t.Context(), ConfigRequest{}); err != nil || len(state.Differences) != 0 {
		t.Errorf("%+v, %v", state, err)
	}
}

const (
	proxyPath = "/api/v1/namespaces/kube-system/configmaps/podsec-k8s-kube-proxy"
	aProxy    = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
)

// writeProxy writes the configuration of a node's kube-proxy, with fields after it.
func writeProxy(t *testing.T, n node.Node, fields string) {
	t.Helper()
	config, err := proxyConfig(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := document.Format([]document.Document{config})
	if err != nil {
		t.Fatal(err)
	}
	roottest.WriteFile(t, node.ProxyFile, string(data)+fields)
}

// TestConfigOfKubeProxy: a change reaches kube-proxy here, the cluster, and a worker
// that has the right to read it by then.
func TestConfigOfKubeProxy(t *testing.T) {
	s := playConfigured(t)
	s.api.Answers("POST /api/v1/namespaces/kube-system/configmaps", func(sent cluster.Sent) any { s.api.Has(proxyPath, sent.Body); return sent.Body })
	s.api.Answers("PUT "+proxyPath, func(sent cluster.Sent) any { s.api.Has(proxyPath, sent.Body); return sent.Body })
	r := ConfigRequest{File: []byte(aProxy + "iptables: {minSyncPeriod: 2s}\nmetricsBindAddress: 0.0.0.0:10249\n")}
	state, err := AskConfig(t.Context(), r)
	want := []Difference{{"kube-proxy", "iptables.minSyncPeriod", "", "2s"}, {"kube-proxy", "metricsBindAddress", "127.0.0.1:10249", "0.0.0.0:10249"}}
	if err != nil || !reflect.DeepEqual(state.Differences, want) {
		t.Errorf("%+v, %v", state, err)
	}
	if err := ApplyConfig(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(node.ProxyFile); err != nil || !strings.Contains(string(text), "minSyncPeriod: 2s") || !strings.Contains(string(text), "mode: iptables") {
		t.Errorf("%s, %v", text, err)
	}
	if !slices.Contains(s.systemd.Calls(), "restart u7s-kube-proxy.service") {
		t.Error("kube-proxy is not restarted")
	}
	if text, err := os.ReadFile(s.dir + "/applied"); err != nil || !strings.Contains(string(text), "name: system:nodes") {
		t.Errorf("the right of nodes: %s, %v", text, err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.KubeletConf))
	worker := s.node
	worker.APIPort = 0
	if err := worker.Save(); err != nil {
		t.Fatal(err)
	}
	if state, err := AskConfig(t.Context(), ConfigRequest{}); err != nil || len(state.Differences) != 0 {
		t.Errorf("%+v, %v", state, err)
	}
	writeProxy(t, s.node, "")
	if state, err := AskConfig(t.Context(), ConfigRequest{}); err != nil || !reflect.DeepEqual(state.Differences, want) {
		t.Errorf("a worker: %+v, %v", state, err)
	}
	if err := writeNetworkFiles(t.Context(), worker); err != nil {
		t.Fatal(err)
	}
	if state, err := AskConfig(t.Context(), ConfigRequest{}); err != nil || len(state.Differences) != 0 {
		t.Errorf("a worker that joins: %+v, %v", state, err)
	}
}

// TestProxyConfig: what the node needs of kube-proxy is so, whatever the cluster keeps.
func TestProxyConfig(t *testing.T) {
	n := node.Node{PodCIDR: netip.MustParsePrefix("10.1.0.0/16")}
	config, err := proxyConfig(n, document.Document{"mode": "ipvs", "hostnameOverride": "x", "clusterCIDR": "10.2.0.0/16", "conntrack": document.Document{"min": 7}, "logging": document.Document{"verbosity": 3}})
	if err != nil || config["mode"] != "iptables" || config["clusterCIDR"] != "10.1.0.0/16" || document.Lookup(config, "conntrack", "min") != 0 || document.Lookup(config, "logging", "verbosity") != 3 {
		t.Errorf("%v, %v", config, err)
	}
	if _, has := config["hostnameOverride"]; has {
		t.Error("all nodes have one name")
	}
}

// TestConfigIsCut: what a run that was cut has begun is undone by the next one.
func TestConfigIsCut(t *testing.T) {
	playConfigured(t)
	roottest.WriteFile(t, kubeletBefore, aKubelet)
	roottest.WriteFile(t, configuredKubelet().file.Path, aKubelet+"maxPods: 1\n")
	before, err := os.ReadFile(node.ProxyFile)
	if err != nil {
		t.Fatal(err)
	}
	roottest.WriteFile(t, proxyBefore, string(before))
	roottest.WriteFile(t, node.ProxyFile, string(before)+"enableProfiling: true\n")
	if err := ApplyConfig(t.Context(), ConfigRequest{}); err != nil {
		t.Fatal(err)
	}
	for path, word := range map[string]string{configuredKubelet().file.Path: "maxPods", node.ProxyFile: "enableProfiling"} {
		if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), word) {
			t.Errorf("%s, %v", text, err)
		}
	}
	for _, path := range []string{kubeletBefore, proxyBefore} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the copy stays: %v", err)
		}
	}
}

// TestConfigIsSavedWhole: of two objects that change, none does where one can't.
func TestConfigIsSavedWhole(t *testing.T) {
	s := playConfigured(t)
	s.api.Refuses("PUT "+configPath, 409)
	both := "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nscheduler: {extraArgs: {v: \"3\"}}\n---\n" + aKubelet + "maxPods: 50\n"
	if err := ApplyConfig(t.Context(), ConfigRequest{File: []byte(both)}); err == nil {
		t.Fatal("it is done")
	}
	state, err := AskConfig(t.Context(), ConfigRequest{})
	if err != nil || len(state.Differences) > 0 {
		t.Errorf("%+v, %v", state, err)
	}
	if _, err := os.Stat(savingFile()); !os.IsNotExist(err) {
		t.Errorf("the record stays: %v", err)
	}
}

// TestConfigIsCutWhileSaved: what a run has written that was cut between the two
// objects is put back, and what somebody else has written since is not.
func TestConfigIsCutWhileSaved(t *testing.T) {
	for now, want := range map[string]string{"maxPods: 50": "", "maxPods: 51": "51"} {
		s := playConfigured(t)
		clusterDoc := "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
		roottest.WriteFile(t, savingFile(), clusterDoc+"---\n"+clusterDoc+"x: 1\n---\n"+aKubelet+"---\n"+aKubelet+"maxPods: 50\n")
		s.api.Has(kubeletPath, map[string]any{"metadata": map[string]any{}, "data": map[string]string{"kubelet": aKubelet + now}})
		if err := ApplyConfig(t.Context(), ConfigRequest{}); err != nil {
			t.Fatal(err)
		}
		own, err := configuredKubelet().read()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(own["maxPods"]); strings.Trim(string(got), "nul") != want {
			t.Errorf("%s: %s", now, got)
		}
	}
	playConfigured(t)
	roottest.WriteFile(t, savingFile(), "a: 1\n")
	if err := ApplyConfig(t.Context(), ConfigRequest{}); err == nil || !strings.Contains(err.Error(), "does not have its form") {
		t.Errorf("of a record that is none: %v", err)
	}
}

// TestConfigRefuses: nothing is changed by a file that can't be applied.
func TestConfigRefuses(t *testing.T) {
	s := playConfigured(t)
	const head = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
	for file, word := range map[string]string{
		head + "clusterName: y\n":                               "[clusterName] cannot change",
		head + "apiServer: {extraArgs: {audit-log-path: /x}}\n": "are not changed by this command",
		aKubelet + "cgroupDriver: systemd\n":                    "a user has no system scopes",
		aProxy + "mode: nftables\n":                             "mode] is nftables, not iptables",
	} {
		if err := ApplyConfig(t.Context(), ConfigRequest{File: []byte(file)}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v", file, err)
		}
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := ApplyConfig(ctx, ConfigRequest{}); err == nil {
		t.Error("interrupted, it is done")
	}
	if sent := s.api.Sent(); len(sent) > 0 {
		t.Errorf("changed in the cluster: %+v", sent)
	}
	worker := s.node
	worker.APIPort = 0
	if err := worker.Save(); err != nil {
		t.Fatal(err)
	}
	if state, err := AskConfig(t.Context(), ConfigRequest{}); err != nil || len(state.Differences) > 0 {
		t.Errorf("of a worker: %+v, %v", state, err)
	}
	if text, err := os.ReadFile(s.dir + "/config"); err != nil || !strings.Contains(string(text), "certificatesDir: "+noCertificates) {
		t.Errorf("kubeadm reads %s, %v", text, err)
	}
	if err := ApplyConfig(t.Context(), ConfigRequest{File: []byte(head)}); err == nil || !strings.Contains(err.Error(), "not a control plane") {
		t.Errorf("on a worker: %v", err)
	}
	if err := os.RemoveAll(node.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := ApplyConfig(t.Context(), ConfigRequest{}); err == nil {
		t.Error("without a node it is done")
	}
}
