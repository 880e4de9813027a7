package people

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// A Revocation is what came of a revocation, and what it can't take.
type Revocation struct {
	Removed int       // bindings that gave the user something
	Until   time.Time // when the user's last certificate ends
	Groups  []Binding // what bindings give to groups of a certificate that is good still
}

// Revoke bars a user from new certificates and rights, and then takes all rights that
// the user has by name, whoever gave them. Done again it takes what has come since.
func Revoke(ctx context.Context, api *kubeapi.Client, name string) (r Revocation, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	u, err := change(ctx, api, name, func(u *User, known bool) error {
		switch {
		case !known:
			return noUser(name)
		case u.Revoked.IsZero():
			u.Revoked = now
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	r.Until = u.Until()
	bindings, err := allBound(ctx, api)
	if err != nil {
		return r, err
	}
	for _, b := range bindings {
		if b.has(kindUser, name) {
			if err := b.without(ctx, api, name); err != nil {
				return r, message.Errorf("removing the binding %s: %w", b.Metadata.Name, err)
			}
			r.Removed++
		}
		for _, group := range u.Groups(now) {
			if r.Until.After(now) && b.has(kindGroup, group) {
				r.Groups = append(r.Groups, b.binding(group))
			}
		}
	}
	return r, nil
}

// without takes a user out of a binding, and the binding away when nobody else is in
// it.
func (b bound) without(ctx context.Context, api *kubeapi.Client, name string) error {
	others := slices.DeleteFunc(slices.Clone(b.Subjects), func(s subject) bool { return s.Kind == kindUser && s.Name == name })
	var err error
	if len(others) == 0 {
		err = api.Send(ctx, http.MethodDelete, b.path(), "", nil)
	} else {
		err = api.Send(ctx, http.MethodPatch, b.path(), "application/merge-patch+json", document.Document{
			"metadata": document.Document{"resourceVersion": b.Metadata.ResourceVersion}, "subjects": others,
		})
	}
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Check reports whether it has its form. Root asks this of what u7s-admin hands it.
func (r Revocation) Check() error {
	for _, b := range r.Groups {
		if err := CheckGroup(b.User); err != nil {
			return err
		}
		if err := b.checkSeen(); err != nil {
			return err
		}
	}
	return nil
}
