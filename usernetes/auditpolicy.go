package usernetes

import (
	"bytes"
	"context"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// keepPolicy puts a site's policy into the cluster, and lets control planes that join
// read it, as kubeadm lets them read its own. Source: kubeadm's cmd/phases/uploadconfig.
func keepPolicy(ctx context.Context, policy []byte) error {
	if len(policy) == 0 {
		return nil
	}
	meta := func() document.Document {
		return document.Document{"name": audit.PolicyObject, "namespace": "kube-system"}
	}
	const rbac = "rbac.authorization.k8s.io"
	group := func(name string) document.Document {
		return document.Document{"kind": "Group", "apiGroup": rbac, "name": name}
	}
	data, err := document.Format([]document.Document{
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(), "data": document.Document{audit.PolicyKey: string(policy)}},
		{"apiVersion": rbac + "/v1", "kind": "Role", "metadata": meta(), "rules": []any{document.Document{
			"apiGroups": []any{""}, "resources": []any{"configmaps"}, "resourceNames": []any{audit.PolicyObject}, "verbs": []any{"get"},
		}}},
		{
			"apiVersion": rbac + "/v1", "kind": "RoleBinding", "metadata": meta(),
			"roleRef":  document.Document{"apiGroup": rbac, "kind": "Role", "name": audit.PolicyObject},
			"subjects": []any{group("system:bootstrappers:kubeadm:default-node-token")},
		},
	})
	if err != nil {
		return err
	}
	return quietly(ctx, namespace.Program{Name: "kubectl", Args: []string{"apply", "--server-side", "--force-conflicts", "-f", "-"}}, data)
}

// quietly runs a program in the node that says something only when it fails.
func quietly(ctx context.Context, p namespace.Program, stdin []byte) error {
	cmd, err := namespace.InNode(p)
	if err != nil {
		return err
	}
	cmd.Stdin = bytes.NewReader(stdin)
	_, err = cmd.Output(ctx)
	return err
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
