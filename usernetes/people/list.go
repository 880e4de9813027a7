package people

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Listed is a user with the roles that bindings give that user by name.
type Listed struct {
	Name     string
	User     User
	Bindings []Binding
}

// List lists the users that podsec-k8s has made.
func List(ctx context.Context, api *kubeapi.Client) ([]Listed, error) {
	all, err := users(ctx, api)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	bindings, err := allBound(ctx, api)
	if err != nil {
		return nil, err
	}
	var listed []Listed
	for _, u := range all {
		l := Listed{Name: u.Name, User: u}
		for _, b := range bindings {
			if b.has(kindUser, u.Name) {
				l.Bindings = append(l.Bindings, b.binding(u.Name))
			}
		}
		listed = append(listed, l)
	}
	return listed, nil
}

// Check reports whether it has its form. Root asks this of what u7s-admin hands it.
func (l Listed) Check() error {
	if err := CheckName(l.Name); err != nil {
		return err
	}
	for _, c := range l.User.Certificates {
		for _, group := range c.Groups {
			if err := CheckGroup(group); err != nil {
				return err
			}
		}
	}
	for _, b := range l.Bindings {
		if err := b.checkSeen(); err != nil {
			return err
		}
	}
	return nil
}

// checkSeen is Check for a binding that others may have made, of a role of any name.
func (b Binding) checkSeen() error {
	if b.Namespace != "" && CheckNamespace(b.Namespace) != nil || len(b.Role) > node.MaxName {
		return message.Errorf("the cluster reports an invalid binding of the user %s", b.User)
	}
	return nil
}
