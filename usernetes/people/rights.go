package people

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Try is something that a user might do. Without a verb it is all that the user
// may do in a namespace.
type Try struct {
	User      string
	Verb      string
	Resource  string // NAME, NAME.GROUP or NAME/SUBRESOURCE
	Namespace string // empty: in all namespaces, or outside of them
}

var (
	verbForm     = regexp.MustCompile(`^([a-z]+|\*)$`)
	resourceForm = regexp.MustCompile(`^[a-z][-a-z0-9]*(\.[-a-z0-9.]+)?(/[a-z]+)?$`)
)

// NewTry makes one of the words of a call. The error is a *Misuse.
func NewTry(words []string, namespace string) (t Try, err error) {
	t = Try{User: words[0], Namespace: namespace}
	switch len(words) {
	case 1:
	case 3:
		t.Verb, t.Resource = words[1], words[2]
		if !verbForm.MatchString(t.Verb) {
			return t, node.NewMisuse("", "%q is not a verb such as get, list or create", host.Printable(t.Verb))
		}
		if !resourceForm.MatchString(t.Resource) {
			return t, node.NewMisuse("", "%q is not a resource such as pods, deployments.apps or pods/log", host.Printable(t.Resource))
		}
	default:
		return t, node.NewMisuse("", "argument %s is missing", "RESOURCE")
	}
	if namespace != "" {
		if err := CheckNamespace(namespace); err != nil {
			return t, err
		}
	}
	return t, CheckName(t.User)
}

// Rights is the cluster's own answer to a Try.
type Rights struct {
	Allowed bool
	Rules   []Rule // of a Try without a verb
	Ended   bool   // no certificate of the user is good any more
}

// A Rule is what may be done to some things.
// Source: the Kubernetes API reference, SelfSubjectRulesReview v1.
type Rule struct {
	Verbs           []string `json:"verbs"`
	APIGroups       []string `json:"apiGroups,omitempty"`
	Resources       []string `json:"resources,omitempty"`
	ResourceNames   []string `json:"resourceNames,omitempty"`
	NonResourceURLs []string `json:"nonResourceURLs,omitempty"`
}

// Names has the resources of a rule in the form of a Try's.
func (r Rule) Names() (all []string) {
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			if name, below, _ := strings.Cut(resource, "/"); group != "" {
				resource = strings.TrimSuffix(name+"."+group+"/"+below, "/")
			}
			all = append(all, resource)
		}
	}
	return all
}

// Can asks the cluster what a user may do who has the groups of the certificates that
// are good now.
func Can(ctx context.Context, api *kubeapi.Client, t Try) (r Rights, err error) {
	u, err := known(ctx, api, t.User)
	if err != nil {
		return r, err
	}
	now := time.Now()
	groups := append(u.Groups(now), "system:authenticated")
	r.Ended = !u.Until().After(now)
	if t.Verb == "" {
		r.Rules, err = rules(ctx, api.As(t.User, groups), t.Namespace)
		return r, err
	}
	group, err := groupOf(ctx, api, t.Resource)
	if err != nil {
		return r, err
	}
	resource, subresource, _ := strings.Cut(t.Resource, "/")
	resource, _, _ = strings.Cut(resource, ".")
	var review struct{ Status struct{ Allowed bool } }
	err = api.Post(ctx, "/apis/authorization.k8s.io/v1/subjectaccessreviews", document.Document{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"spec": document.Document{"user": t.User, "groups": groups, "resourceAttributes": document.Document{
			"verb": t.Verb, "group": group, "resource": resource, "subresource": subresource, "namespace": t.Namespace,
		}},
	}, &review)
	r.Allowed = review.Status.Allowed
	return r, err
}

// rules asks for all rights in a namespace. There is no such question about others,
// so it is asked as the user: whose client that is may speak for everyone.
func rules(ctx context.Context, user *kubeapi.Client, namespace string) ([]Rule, error) {
	var review struct {
		Status struct{ ResourceRules, NonResourceRules []Rule }
	}
	err := user.Post(ctx, "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", document.Document{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": document.Document{"namespace": namespace},
	}, &review)
	return slices.Concat(review.Status.ResourceRules, review.Status.NonResourceRules), err
}

// groupOf finds the API group of a resource, for a review says no to a resource of a
// group that has none such. What the cluster does not have is a fault.
// Source: the Kubernetes documentation, "The Kubernetes API", API discovery.
func groupOf(ctx context.Context, api *kubeapi.Client, word string) (string, error) {
	full, subresource, below := strings.Cut(word, "/")
	name, group, named := strings.Cut(full, ".")
	if below {
		name += "/" + subresource
	}
	var groups struct {
		Groups []struct {
			Name             string
			PreferredVersion struct{ GroupVersion string }
		}
	}
	if err := api.Get(ctx, "/apis", &groups); err != nil {
		return "", err
	}
	var fault error
	places := [][2]string{{"", "/api/v1"}}
	for _, g := range groups.Groups {
		places = append(places, [2]string{g.Name, "/apis/" + g.PreferredVersion.GroupVersion})
	}
	for _, place := range places {
		if named && place[0] != group {
			continue
		}
		var resources struct{ Resources []struct{ Name string } }
		if err := api.Get(ctx, place[1], &resources); err != nil { // a group may be served by a program that is down
			fault = cmp.Or(fault, err)
			continue
		}
		for _, r := range resources.Resources {
			if r.Name == name {
				return place[0], nil
			}
		}
	}
	return "", cmp.Or[error](fault, host.NewFault("see podsec-k8s kubectl api-resources", "the cluster has no resource %s", word))
}
