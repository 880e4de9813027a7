package people

import (
	"context"
	_ "embed"
	"net/http"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// ReadyRoles are the ready ClusterRoles for people, as YAML. docs/roles.md describes
// them.
//
//go:embed ready-roles.yaml
var ReadyRoles string

const (
	rbacGroup = "rbac.authorization.k8s.io"
	rbac      = "/apis/" + rbacGroup + "/v1"
)

// developer is the ready role for the work in one namespace.
const developer = "podsec-k8s:developer"

// makeReady makes a ready role that the cluster lacks: one that was created by an
// older podsec-k8s has none. It reports whether name is that of a ready role.
func makeReady(ctx context.Context, api *kubeapi.Client, name string) (bool, error) {
	all, err := document.Parse([]byte(ReadyRoles))
	if err != nil {
		return false, err
	}
	for _, role := range all {
		if document.Lookup(role, "metadata", "name") == name {
			return true, api.Send(ctx, http.MethodPost, rbac+"/clusterroles", "application/json", role)
		}
	}
	return false, nil
}
