package kubeadm

import (
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// TestChange: what can change on a living cluster is taken, and all else is refused by
// its name.
func TestChange(t *testing.T) {
	const (
		ofCluster = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
		ofKubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
		ofProxy   = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
	)
	for file, want := range map[string]string{
		ofCluster + "apiServer: {extraArgs: [{name: v, value: '3'}]}":     "",
		ofCluster + "scheduler: {extraArgs: [{name: v, value: '3'}]}":     "",
		ofCluster + "clusterName: x":                                      "", // as it is
		ofKubelet + "maxPods: 50":                                         "",
		ofProxy + "iptables: {minSyncPeriod: 2s}\nmode: iptables":         "",
		ofProxy + "mode: ipvs":                                            "by iptables",
		ofProxy + "conntrack: {min: 1000}":                                "connection tracking",
		ofProxy + "clusterCIDR: null":                                     "pod network",
		ofProxy + "clientConnection: {kubeconfig: /x}":                    "identity of its node",
		ofProxy + "hostnameOverride: x":                                   "its own name",
		ofProxy + "bindAddress: 192.0.2.1":                                "its own address",
		ofProxy + "healthzBindAddress: 127.0.0.1:1":                       "for its health",
		ofProxy + "nodePortAddresses: [primary]":                          "opens node ports",
		ofCluster + "clusterName: y":                                      "[clusterName] cannot change on a cluster that exists: it is x, not y",
		ofCluster + "clusterName: null":                                   "[clusterName] cannot change",
		ofCluster + "networking: {podSubnet: 10.1.0.0/16}":                "[networking podSubnet] cannot change",
		ofCluster + "apiServer: {certSANs: [a.example]}":                  "[apiServer certSANs] cannot change",
		ofCluster + "etcd: {local: {extraArgs: [{name: v, value: '3'}]}}": "[etcd] cannot change",
		ofCluster + "certificatesDir: /x":                                 "[certificatesDir] cannot change",
		ofKubelet + "clusterDNS: [10.0.0.1]":                              "[clusterDNS] cannot change",
		ofKubelet + "cgroupDriver: systemd":                               "cgroupDriver",
		"apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration":  "the cluster has kubeadm.k8s.io/v1beta4",
		"apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration":     `a document of the kind "InitConfiguration" cannot be applied`,
		"{": "YAML",
	} {
		c := Config{
			KindCluster: {"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": KindCluster, "clusterName": "x"},
			KindKubelet: document.Document{"apiVersion": kubeletAPI, "kind": KindKubelet},
			KindProxy: document.Document{
				"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": KindProxy, "mode": "iptables", "clusterCIDR": "10.1.0.0/16",
				"conntrack": document.Document{"min": 0}, "clientConnection": document.Document{"kubeconfig": "/k"},
			},
		}
		err := c.Change([]byte(file))
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", file, err)
		}
	}
}
