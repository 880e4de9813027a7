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
	)
	for file, want := range map[string]string{
		ofCluster + "apiServer: {extraArgs: [{name: v, value: '3'}]}":     "",
		ofCluster + "scheduler: {extraArgs: [{name: v, value: '3'}]}":     "",
		ofCluster + "clusterName: x":                                      "", // as it is
		ofKubelet + "maxPods: 50":                                         "",
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
		}
		err := c.Change([]byte(file))
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", file, err)
		}
	}
}
