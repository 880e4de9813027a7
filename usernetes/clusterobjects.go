package usernetes

import (
	"bytes"
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
)

// readers is the right of a group to read a ConfigMap of kube-system.
func readers(object, group string) []document.Document {
	const rbac = "rbac.authorization.k8s.io"
	meta := func() document.Document { return document.Document{"name": object, "namespace": "kube-system"} }
	return []document.Document{
		{"apiVersion": rbac + "/v1", "kind": "Role", "metadata": meta(), "rules": []any{document.Document{
			"apiGroups": []any{""}, "resources": []any{"configmaps"}, "resourceNames": []any{object}, "verbs": []any{"get"},
		}}},
		{
			"apiVersion": rbac + "/v1", "kind": "RoleBinding", "metadata": meta(),
			"roleRef":  document.Document{"apiGroup": rbac, "kind": "Role", "name": object},
			"subjects": []any{document.Document{"kind": "Group", "apiGroup": rbac, "name": group}},
		},
	}
}

// kubectlApply is kubectl that puts objects into the cluster, whoever has written their
// fields before.
func kubectlApply() namespace.Program {
	return namespace.Program{Name: "kubectl", Args: []string{"apply", "--server-side", "--force-conflicts", "-f", "-"}}
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
