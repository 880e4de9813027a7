package services

import (
	"context"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// awaitSubnet waits until the cluster has given this node its part of the
// pod network: without it flanneld only ends. It runs in the node.
func awaitSubnet(ctx context.Context, n node.Node) error {
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		return err
	}
	for {
		own, err := api.Node(ctx, n.Name)
		if err != nil {
			return message.Errorf("waiting for this node's pod network: %w", err)
		}
		if own.Spec.PodCIDR != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait.Debounce):
		}
	}
}

// runFlanneld waits for the node's subnet and becomes flanneld. It runs in
// the node. flanneld takes its identity, and so its rights, from the
// kubelet's, and the name of the node from the environment.
// Source: flannel's Documentation/configuration.md.
func runFlanneld(ctx context.Context, n node.Node) error {
	if err := awaitSubnet(ctx, n); err != nil {
		return err
	}
	return host.Command{
		Path: "flanneld", Env: append(os.Environ(), "NODE_NAME="+n.Name),
		Args: []string{
			"--kube-subnet-mgr", "--kubeconfig-file=" + node.KubeletConf, "--net-config-path=" + node.NetFile,
			"--ip-masq", "--iface=" + n.FlannelInterface(), "--public-ip=" + n.IP.String(),
		},
	}.Exec()
}
