package netpolicy

import (
	"context"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Package is the name of the package that brings kube-router.
const Package = "podsec-k8s-network-policy"

// router is kube-router, as that package installs it.
const router = node.LibexecDir + "/kube-router"

// Absent reports whether the package is not installed on this machine.
func Absent() bool { return !host.Exists(router) }

// Run has policies enforced from now on: it becomes kube-router. It runs in the node.
// Rules that an earlier one has left stay in force meanwhile.
func Run(ctx context.Context, n node.Node) error {
	if err := Try(ctx); err != nil {
		return err
	}
	if err := awaitRights(ctx, n); err != nil {
		return err
	}
	if err := passServices(ctx, n); err != nil {
		return err
	}
	return kubeRouter(n).Exec()
}

// kubeRouter is the firewall alone, with the kubelet's identity. It has no port for its
// health: there it would show whoever reaches the node its profiles, too. It looks for
// rules that others have taken away once a minute.
// Source: kube-router's docs/user-guide.md, "command line options"; its
// cmd/kube-router/kube-router.go, net/http/pprof.
func kubeRouter(n node.Node) host.Command {
	return host.Command{
		Path: router, Env: append(os.Environ(), "NODE_NAME="+n.Name),
		Args: []string{
			"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false",
			"--kubeconfig=" + node.KubeletConf, "--service-cluster-ip-range=" + n.ServiceCIDR.String(),
			"--iptables-sync-period=1m", "--health-port=0", "--metrics-port=0",
		},
	}
}
