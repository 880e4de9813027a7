package people

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// The record is a ConfigMap, with one value for each user. Kubernetes itself keeps
// no list of the certificates that it has signed.
const (
	recordName  = "podsec-k8s-users"
	recordPlace = "/api/v1/namespaces/kube-system/configmaps"
	recordPath  = recordPlace + "/" + recordName
)

// A User is what the record has of one.
type User struct {
	Name         string        `json:"-"`
	Certificates []Certificate `json:"certificates"`
	Revoked      time.Time     `json:"revoked,omitzero"`
}

// A Certificate is one that the cluster has signed for a user.
type Certificate struct {
	Groups []string  `json:"groups"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
}

// Until is when the last of the user's certificates ends.
func (u User) Until() (last time.Time) {
	for _, c := range u.Certificates {
		if c.Until.After(last) {
			last = c.Until
		}
	}
	return last
}

// Groups are those of the certificates that are good at a time, or those of the last
// one, where none is.
func (u User) Groups(now time.Time) []string {
	groups := []string{}
	for i, c := range u.Certificates {
		if c.Until.After(now) || i == len(u.Certificates)-1 && !u.Until().After(now) {
			groups = append(groups, c.Groups...)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Barred is the fault of a user who was revoked, and nil for others.
func (u User) Barred() error {
	if u.Revoked.IsZero() {
		return nil
	}
	return host.NewFault("choose another name", "the user %s was revoked on %s and can get no new certificate or right", u.Name, u.Revoked.Format(time.DateOnly))
}

// A record is the ConfigMap. Its version makes sure that no change of another run is
// lost.
type record struct {
	version string // empty: there is none yet
	data    map[string]string
}

func readRecord(ctx context.Context, api *kubeapi.Client) (r record, err error) {
	var object struct {
		Metadata kubeapi.Metadata
		Data     map[string]string
	}
	err = api.Get(ctx, recordPath, &object)
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return record{data: map[string]string{}}, nil
	}
	r = record{object.Metadata.ResourceVersion, object.Data}
	if r.data == nil {
		r.data = map[string]string{}
	}
	return r, err
}

// user reads one, and whether the record has it.
func (r record) user(name string) (u User, known bool, err error) {
	text, known := r.data[name]
	if known {
		if err = json.Unmarshal([]byte(text), &u); err != nil {
			err = message.Errorf("reading the record of the user %s in the ConfigMap %s: %w", name, recordName, err)
		}
	}
	u.Name = name
	return u, known, err
}

func (r record) write(ctx context.Context, api *kubeapi.Client) error {
	metadata := document.Document{"name": recordName, "namespace": "kube-system"}
	object := document.Document{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": r.data}
	if r.version == "" {
		return api.Send(ctx, http.MethodPost, recordPlace, "application/json", object)
	}
	metadata["resourceVersion"] = r.version
	return api.Send(ctx, http.MethodPut, recordPath, "application/json", object)
}

// changeTries is how often a change is tried that other runs come in the way of.
const changeTries = 10

// change changes what the record has of a user.
func change(ctx context.Context, api *kubeapi.Client, name string, edit func(u *User, known bool) error) (u User, err error) {
	for range changeTries {
		var r record
		if r, err = readRecord(ctx, api); err != nil {
			return u, err
		}
		var known bool
		if u, known, err = r.user(name); err != nil {
			return u, err
		}
		if err := edit(&u, known); err != nil {
			return u, err
		}
		text, err := json.Marshal(u)
		if err != nil {
			return u, err
		}
		r.data[name] = string(text)
		err = r.write(ctx, api)
		if !kubeapi.HasStatus(err, http.StatusConflict) {
			return u, err
		}
	}
	return u, message.Errorf("writing the record of users: others change it all the time")
}

// known reads a user that there is, or says that there is none.
func known(ctx context.Context, api *kubeapi.Client, name string) (User, error) {
	r, err := readRecord(ctx, api)
	if err != nil {
		return User{}, err
	}
	u, known, err := r.user(name)
	if err == nil && !known {
		err = noUser(name)
	}
	return u, err
}

func noUser(name string) error {
	return host.NewFault("see podsec-k8s user list", "there is no user %s", name)
}

// users lists all by their names.
func users(ctx context.Context, api *kubeapi.Client) (all []User, err error) {
	r, err := readRecord(ctx, api)
	if err != nil {
		return nil, err
	}
	for name := range r.data {
		u, _, err := r.user(name)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
