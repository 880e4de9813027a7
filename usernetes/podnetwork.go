package usernetes

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/people"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
)

// nodeRights lets node identities run kube-proxy and flanneld.
//
//go:embed objects/node-rights.yaml
var nodeRights string

// startNetwork gives the nodes of the cluster their rights, makes the ready roles for
// people, and starts this node's pod network and services.
func startNetwork(ctx context.Context, w *Work) error {
	if err := w.inNodeFrom(ctx, namespace.Program{Name: "kubectl", Args: []string{"apply", "-f", "-"}}, strings.NewReader(nodeRights+"---\n"+people.ReadyRoles)); err != nil {
		return err
	}
	if err := keepPolicy(ctx, w.Plan.Policy); err != nil {
		return err
	}
	return startServices(ctx, w)
}

// startServices starts this node's part of the pod network and of services.
func startServices(ctx context.Context, w *Work) error {
	if err := writeNetworkFiles(ctx, w.Plan.Node); err != nil {
		return err
	}
	return beginServices(ctx, w)
}

// beginServices starts them by the configurations that they have. flanneld waits for the
// node's subnet, so only the node's readiness tells that it is up.
func beginServices(ctx context.Context, w *Work) error {
	var faults []error
	for _, s := range services.Network() {
		faults = append(faults, w.Manager.Begin(ctx, s.Unit))
	}
	return errors.Join(append(faults, w.Manager.Begin(ctx, units.Manifests))...)
}

func stopServices(ctx context.Context, w *Work) error {
	var faults []error
	for _, s := range slices.Backward(services.Network()) {
		faults = append(faults, w.Manager.Stop(ctx, s.Unit))
	}
	return errors.Join(faults...)
}

// writeNetworkFiles writes the configurations of flanneld and of kube-proxy. The one of
// kube-proxy may have been changed in the cluster that this node joins.
func writeNetworkFiles(ctx context.Context, n node.Node) error {
	flannel, err := json.Marshal(flannelConfig(n))
	if err != nil {
		return message.Errorf("creating flannel's configuration: %w", err)
	}
	if err := host.WriteFile(node.NetFile, flannel, 0o600); err != nil {
		return err
	}
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		return err
	}
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindProxy)
	if err != nil {
		return err
	}
	config, err := proxyConfig(n, stored.Document)
	if err != nil {
		return err
	}
	proxy, err := document.Format([]document.Document{config})
	if err != nil {
		return err
	}
	return host.WriteFile(node.ProxyFile, proxy, 0o600)
}

// flannelConfig is flannel's network configuration.
// Source: flannel's Documentation/{configuration,backends}.md.
func flannelConfig(n node.Node) document.Document {
	return document.Document{"Network": n.PodCIDR.String(), "Backend": document.Document{"Type": "vxlan", "Port": node.VXLANPort}}
}
