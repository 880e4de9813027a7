package usernetes

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// proxyConfig is the configuration of this node's kube-proxy: that of a new cluster,
// with what the cluster keeps in place of it. What the node needs is as it needs it.
func proxyConfig(n node.Node, kept document.Document) (document.Document, error) {
	base := newProxyConfig(n)
	config, err := document.Clone(base)
	if err != nil || kept == nil {
		return config, err
	}
	document.Change(config, kept)
	kubeadm.KeepOwned(kubeadm.KindProxy, config, base)
	return document.Clone(config)
}

// newProxyConfig is kube-proxy's configuration in a new cluster. A user namespace may
// not change the host's connection tracking, so all of it is left as it is.
// Source: kube-proxy's reference of v1alpha1; KEP-2033.
func newProxyConfig(n node.Node) document.Document {
	return document.Document{
		"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": kubeadm.KindProxy,
		"mode": "iptables", "clusterCIDR": n.PodCIDR.String(),
		"clientConnection": document.Document{"kubeconfig": node.KubeletConf},
		"conntrack": document.Document{
			"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
		},
		"metricsBindAddress": "127.0.0.1:10249",
	}
}

// letNodesReadProxy gives every node the right to read the cluster's configuration of
// kube-proxy, as kubeadm lets them read that of kubelets.
// Source: kubeadm's phases/kubelet/config.go.
func letNodesReadProxy(ctx context.Context) error {
	data, err := document.Format(readers(kubeadm.ProxyObject, "system:nodes"))
	if err != nil {
		return err
	}
	return quietly(ctx, kubectlApply(), data)
}
