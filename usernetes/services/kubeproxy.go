package services

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// runKubeProxy becomes kube-proxy in the node.
func runKubeProxy(ctx context.Context, n node.Node) error {
	return kubeProxy(n).ExecUnit(ctx)
}

func kubeProxy(n node.Node) namespace.Program {
	return namespace.Program{Name: "kube-proxy", Args: []string{"--config=" + node.ProxyFile, "--hostname-override=" + n.Name}}
}

// proxyHealth is known once kube-proxy has its configuration. Source: the default
// ports in the reference of KubeProxyConfiguration.
func proxyHealth(node.Node) (Probe, bool) {
	return Probe{Scheme: "http", Address: "127.0.0.1:10256", Path: "/healthz"}, host.Exists(node.ProxyFile)
}
