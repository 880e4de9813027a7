package usernetes

import (
	"context"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// keepPolicy puts a site's policy into the cluster, and lets control planes that join
// read it, as kubeadm lets them read its own. Source: kubeadm's cmd/phases/uploadconfig.
func keepPolicy(ctx context.Context, policy []byte) error {
	if len(policy) == 0 {
		return nil
	}
	object := document.Document{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": document.Document{"name": audit.PolicyObject, "namespace": "kube-system"},
		"data": document.Document{audit.PolicyKey: string(policy)},
	}
	data, err := document.Format(append([]document.Document{object}, readers(audit.PolicyObject, "system:bootstrappers:kubeadm:default-node-token")...))
	if err != nil {
		return err
	}
	return quietly(ctx, kubectlApply(), data)
}

// writePolicy puts a site's policy where kube-apiserver reads it, in the node.
func writePolicy(path string, policy []byte) error {
	place := node.StatePath(path)
	if err := host.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return message.Errorf("storing the audit policy: %w", err)
	}
	return host.WriteFile(place, policy, 0o600)
}

// takePolicy gets the site's policy, if the cluster has one, for a control plane that
// is about to join it.
func takePolicy(ctx context.Context, j kubeadm.JoinRequest) error {
	config, err := kubeadm.Discover(ctx, j)
	if err != nil {
		return nil //nolint:nilerr // kubeadm join does the same again, and says why
	}
	path := audit.OfCluster(config[kubeadm.KindCluster]).Policy
	if !audit.IsOwnPolicy(path) {
		return nil
	}
	data, err := kubeadm.ReadWithToken(ctx, j, audit.PolicyObjectPath)
	if err != nil {
		return message.Errorf("getting the cluster's audit policy: %w", err)
	}
	return placePolicy(path, []byte(data[audit.PolicyKey]))
}

// placePolicy puts the policy that the cluster keeps where its configuration names it.
func placePolicy(path string, policy []byte) error {
	if !audit.IsPolicyOf(path, policy) {
		return host.NewFault("on a control plane of the cluster: podsec-k8s audit set FILE", "the audit policy that the cluster keeps is not the one that its configuration names")
	}
	return writePolicy(path, policy)
}
