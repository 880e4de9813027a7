package people

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

const (
	kindRole        = "Role"
	kindClusterRole = "ClusterRole"
)

// A Binding gives a user a role: in one namespace, or in the whole cluster.
type Binding struct {
	User      string
	Kind      string // of the role
	Role      string
	Namespace string // empty: the whole cluster
}

// NewBinding is that of a Role or of a ClusterRole, of which one is given. The error
// is a *Misuse.
func NewBinding(user, role, clusterRole, namespace string) (b Binding, err error) {
	b = Binding{user, kindClusterRole, clusterRole, namespace}
	switch {
	case (role == "") == (clusterRole == ""):
		return b, node.NewMisuse("", "one of --role and --clusterrole is needed")
	case role != "" && namespace == "":
		return b, node.NewMisuse("", "flag --%s is missing", "namespace")
	case clusterRole == developer && namespace == "":
		return b, node.NewMisuse("", "the ClusterRole %s is for one namespace: flag --%s is missing", clusterRole, "namespace")
	case role != "":
		b.Kind, b.Role = kindRole, role
	}
	return b, b.Check()
}

// Check reports whether its names are names. The error is a *Misuse.
func (b Binding) Check() error {
	if err := CheckName(b.User); err != nil {
		return err
	}
	if b.Namespace != "" {
		if err := CheckNamespace(b.Namespace); err != nil {
			return err
		}
	}
	return CheckRole(b.Role)
}

// Where says, in a message, where the binding gives rights.
func (b Binding) Where() message.Text {
	if b.Namespace == "" {
		return message.Of("in the whole cluster")
	}
	return message.Of("in the namespace %s", b.Namespace)
}

// folder is where the API has such bindings.
func (b Binding) folder() string { return bindingsPath(b.Namespace) }

func bindingsPath(namespace string) string {
	if namespace == "" {
		return rbac + "/clusterrolebindings"
	}
	return rbac + "/namespaces/" + namespace + "/rolebindings"
}

// name is that of the object. No part but the last has a colon, so two bindings never
// have the same.
func (b Binding) name() string { return "podsec-k8s:" + b.User + ":" + b.Kind + ":" + b.Role }

func (b Binding) path() string { return b.folder() + "/" + url.PathEscape(b.name()) }

// rolePath is where the API has the role.
func (b Binding) rolePath() string {
	if b.Kind == kindRole {
		return rbac + "/namespaces/" + b.Namespace + "/roles/" + url.PathEscape(b.Role)
	}
	return rbac + "/clusterroles/" + url.PathEscape(b.Role)
}

func (b Binding) object() document.Document {
	kind := "ClusterRoleBinding"
	metadata := document.Document{"name": b.name(), "labels": document.Document{userLabel: b.User}}
	if b.Namespace != "" {
		kind, metadata["namespace"] = "RoleBinding", b.Namespace
	}
	return document.Document{
		"apiVersion": rbacGroup + "/v1", "kind": kind, "metadata": metadata,
		"roleRef":  document.Document{"apiGroup": rbacGroup, "kind": b.Kind, "name": b.Role},
		"subjects": []subject{b.subject()},
	}
}

// Bind gives a user a role that exists. It reports whether the user had it not yet.
func Bind(ctx context.Context, api *kubeapi.Client, b Binding) (fresh bool, err error) {
	u, err := known(ctx, api, b.User)
	if err != nil {
		return false, err
	}
	if err := u.Barred(); err != nil {
		return false, err
	}
	if err := b.needRole(ctx, api); err != nil {
		return false, err
	}
	err = api.Send(ctx, http.MethodPost, b.folder(), "application/json", b.object())
	if kubeapi.HasStatus(err, http.StatusConflict) {
		return b.again(ctx, api)
	}
	if err != nil {
		return false, err
	}
	if u, err = known(ctx, api, b.User); err != nil {
		return true, err
	}
	if err := u.Barred(); err != nil { // meanwhile: what took all bindings may not have seen this one
		return false, errors.Join(err, Unbind(ctx, api, b))
	}
	return true, nil
}

// needRole reports a role that the cluster has not. A ready one is made.
func (b Binding) needRole(ctx context.Context, api *kubeapi.Client) error {
	var role struct{}
	err := api.Get(ctx, b.rolePath(), &role)
	if !kubeapi.HasStatus(err, http.StatusNotFound) {
		return err
	}
	if b.Kind == kindRole {
		return host.NewFault("see podsec-k8s kubectl get roles --all-namespaces", "there is no Role %s in the namespace %s", b.Role, b.Namespace)
	}
	ready, err := makeReady(ctx, api, b.Role)
	if ready || err != nil {
		return err
	}
	return host.NewFault("see podsec-k8s kubectl get clusterroles", "there is no ClusterRole %s", b.Role)
}

// again gives the user the role by the binding that there is, out of which someone
// may have taken the user.
func (b Binding) again(ctx context.Context, api *kubeapi.Client) (fresh bool, err error) {
	var have bound
	if err := api.Get(ctx, b.path(), &have); err != nil || have.has(kindUser, b.User) {
		return false, err
	}
	return true, api.Send(ctx, http.MethodPatch, b.path(), "application/merge-patch+json", document.Document{
		"metadata": document.Document{"resourceVersion": have.Metadata.ResourceVersion},
		"subjects": append(have.Subjects, b.subject()),
	})
}

func (b Binding) subject() subject { return subject{kindUser, rbacGroup, b.User, ""} }

// Unbind takes a role from a user that Bind has given.
func Unbind(ctx context.Context, api *kubeapi.Client, b Binding) error {
	err := api.Send(ctx, http.MethodDelete, b.path(), "", nil)
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return host.NewFault("see podsec-k8s user list", "the user %s does not have the %s %s %s", b.User, b.Kind, b.Role, b.Where())
	}
	return err
}

const (
	kindUser  = "User"
	kindGroup = "Group"
)

// A subject is who has a role. Source: the Kubernetes API reference, RoleBinding v1.
type subject struct {
	Kind      string `json:"kind"`
	APIGroup  string `json:"apiGroup,omitempty"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// A bound is a RoleBinding or ClusterRoleBinding.
type bound struct {
	Metadata kubeapi.Metadata
	RoleRef  struct{ Kind, Name string }
	Subjects []subject
}

func (b bound) path() string {
	return bindingsPath(b.Metadata.Namespace) + "/" + url.PathEscape(b.Metadata.Name)
}

// binding is what it gives a user or group of that name.
func (b bound) binding(name string) Binding {
	return Binding{name, b.RoleRef.Kind, b.RoleRef.Name, b.Metadata.Namespace}
}

// has reports whether it gives something to the user or group.
func (b bound) has(kind, name string) bool {
	return slices.ContainsFunc(b.Subjects, func(s subject) bool { return s.Kind == kind && s.Name == name })
}

// allBound lists the bindings of the cluster, whoever made them.
func allBound(ctx context.Context, api *kubeapi.Client) (all []bound, err error) {
	for _, path := range []string{rbac + "/clusterrolebindings", rbac + "/rolebindings"} {
		var list struct{ Items []bound }
		if err := api.Get(ctx, path, &list); err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
	}
	return all, nil
}
