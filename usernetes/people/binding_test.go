package people

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// TestNewBinding: a call names one role, and a Role its namespace.
func TestNewBinding(t *testing.T) {
	for _, one := range []struct {
		role, clusterRole, namespace, path string
	}{
		{"", "view", "", rbac + "/clusterrolebindings/podsec-k8s:anna:ClusterRole:view"},
		{"", "view", "shop", rbac + "/namespaces/shop/rolebindings/podsec-k8s:anna:ClusterRole:view"},
		{"own", "", "shop", rbac + "/namespaces/shop/rolebindings/podsec-k8s:anna:Role:own"},
		{"own", "", "", ""},
		{"", "", "shop", ""},
		{"own", "view", "shop", ""},
		{"", "a/b", "", ""},
		{"", "view", "a/b", ""},
		{"", developer, "", ""},
		{"", developer, "shop", rbac + "/namespaces/shop/rolebindings/podsec-k8s:anna:ClusterRole:" + developer},
	} {
		b, err := NewBinding("anna", one.role, one.clusterRole, one.namespace)
		var misuse *node.Misuse
		if one.path == "" {
			if !errors.As(err, &misuse) {
				t.Errorf("%+v: %v", one, err)
			}
			continue
		}
		if got := b.path(); err != nil || got != one.path {
			t.Errorf("%+v: %s, %v", one, got, err)
		}
	}
	if _, err := NewBinding("system:admin", "", "view", ""); err == nil {
		t.Error("a user of Kubernetes' own is bound")
	}
}

func TestBind(t *testing.T) {
	c := playCluster(t)
	b := Binding{"anna", kindClusterRole, "view", "shop"}
	if _, err := Bind(t.Context(), c.Client(), b); err == nil || !strings.Contains(err.Error(), "there is no user anna") {
		t.Errorf("%v", err)
	}
	c.hasUsers(User{Name: "anna"}, User{Name: "gone", Revoked: time.Now()})
	if _, err := Bind(t.Context(), c.Client(), b); err == nil || err.Error() != "there is no ClusterRole view" {
		t.Errorf("%v", err)
	}
	c.Has(b.rolePath(), "{}")
	if fresh, err := Bind(t.Context(), c.Client(), b); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
	text, err := json.Marshal(c.Sent()[0].Body)
	const want = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"labels":{"podsec-k8s/user":"anna"},` +
		`"name":"podsec-k8s:anna:ClusterRole:view","namespace":"shop"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},` +
		`"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"anna"}]}`
	if err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	b.User = "gone"
	if _, err := Bind(t.Context(), c.Client(), b); err == nil || !strings.Contains(err.Error(), "was revoked") {
		t.Errorf("%v", err)
	}
}

// TestBindAgain: a binding that there is gives what it should.
// TestBindReady: a ready role that the cluster lacks is made.
func TestBindReady(t *testing.T) {
	c := playCluster(t)
	c.hasUsers(User{Name: "anna"})
	b := Binding{"anna", kindClusterRole, developer, "shop"}
	if fresh, err := Bind(t.Context(), c.Client(), b); !fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
	role := c.Sent()[0]
	if role.Call != "POST "+rbac+"/clusterroles" || document.Lookup(role.Body, "metadata", "name") != developer || len(c.Sent()) != 2 {
		t.Errorf("%+v", c.calls())
	}
	c.Refuses("POST "+rbac+"/clusterroles", http.StatusForbidden)
	if _, err := Bind(t.Context(), c.Client(), b); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("%v", err)
	}
}

func TestBindAgain(t *testing.T) {
	c := playCluster(t)
	c.hasUsers(User{Name: "anna"})
	b := Binding{"anna", kindRole, "own", "shop"}
	c.Has(b.rolePath(), "{}")
	c.Refuses("POST "+b.folder(), http.StatusConflict)
	c.Has(b.path(), `{"subjects":[{"kind":"User","name":"anna"}]}`)
	if fresh, err := Bind(t.Context(), c.Client(), b); fresh || err != nil {
		t.Errorf("%v, %v", fresh, err)
	}
	c.Has(b.path(), `{"subjects":[{"kind":"Group","name":"anna"}]}`)
	if fresh, err := Bind(t.Context(), c.Client(), b); !fresh || err != nil || !c.called("PATCH "+b.path()) {
		t.Errorf("%v, %v", fresh, err)
	}
}

// TestBindRevoked: a user who is revoked while a role is given does not keep it.
func TestBindRevoked(t *testing.T) {
	c := playCluster(t)
	c.hasUsers(User{Name: "anna"})
	b := Binding{"anna", kindClusterRole, "view", ""}
	c.Has(b.rolePath(), "{}")
	c.Answers("POST "+b.folder(), func(played.Sent) any { c.hasUsers(User{Name: "anna", Revoked: time.Now()}); return nil })
	if _, err := Bind(t.Context(), c.Client(), b); err == nil || !c.called("DELETE "+b.path()) {
		t.Errorf("%v, %q", err, c.calls())
	}
}

func TestUnbind(t *testing.T) {
	c := playCluster(t)
	b := Binding{"anna", kindClusterRole, "view", ""}
	if err := Unbind(t.Context(), c.Client(), b); err != nil || !c.called("DELETE "+b.path()) {
		t.Errorf("%v", err)
	}
	c.Refuses("DELETE "+b.path(), http.StatusNotFound)
	if err := Unbind(t.Context(), c.Client(), b); err == nil || err.Error() != "the user anna does not have the ClusterRole view in the whole cluster" {
		t.Errorf("%v", err)
	}
}

// bindings are those of a cluster: anna has one alone, one with others, and one by a
// group.
func bindings(c *cluster) {
	c.Has(rbac+"/clusterrolebindings", `{"items":[
		{"metadata":{"name":"alone"},"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"anna"}]},
		{"metadata":{"name":"of-group"},"roleRef":{"kind":"ClusterRole","name":"edit"},"subjects":[{"kind":"Group","name":"dev"}]},
		{"metadata":{"name":"account"},"roleRef":{"kind":"ClusterRole","name":"edit"},"subjects":[{"kind":"ServiceAccount","name":"anna","namespace":"x"}]}]}`)
	c.Has(rbac+"/rolebindings", `{"items":[
		{"metadata":{"name":"shared","namespace":"shop","resourceVersion":"9"},"roleRef":{"kind":"Role","name":"own"},
		 "subjects":[{"kind":"User","name":"anna"},{"kind":"User","name":"boris"}]}]}`)
}

func TestList(t *testing.T) {
	c := playCluster(t)
	if all, err := List(t.Context(), c.Client()); len(all) > 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	c.hasUsers(User{Name: "boris"}, User{Name: "anna"})
	bindings(c)
	all, err := List(t.Context(), c.Client())
	if err != nil || len(all) != 2 || !slices.Equal(all[0].Bindings, []Binding{{"anna", "ClusterRole", "view", ""}, {"anna", "Role", "own", "shop"}}) || len(all[1].Bindings) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	for _, l := range all {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
	}
	for name, l := range map[string]Listed{
		"name": {Name: "\x1b[2J"}, "group": {Name: "anna", User: User{Certificates: []Certificate{{Groups: []string{"system:masters"}}}}},
		"namespace": {Name: "anna", Bindings: []Binding{{Namespace: "\n"}}},
	} {
		if err := l.Check(); err == nil {
			t.Errorf("a false %s is believed", name)
		}
	}
	c.Has(recordPath, `{"data":{"anna":"{"}}`)
	if _, err := List(t.Context(), c.Client()); err == nil || !strings.Contains(err.Error(), "the user anna in the ConfigMap") {
		t.Errorf("%v", err)
	}
}

// TestRevoke: all that a user has by name goes, whoever gave it; others keep theirs,
// and what can't be taken is told.
func TestRevoke(t *testing.T) {
	c := playCluster(t)
	if _, err := Revoke(t.Context(), c.Client(), "anna"); err == nil || len(c.calls()) > 0 {
		t.Errorf("nobody is revoked: %v, %q", err, c.calls())
	}
	until := time.Now().Add(time.Hour)
	c.hasUsers(User{Name: "anna", Certificates: []Certificate{{[]string{"dev"}, time.Now(), until}}})
	bindings(c)
	r, err := Revoke(t.Context(), c.Client(), "anna")
	if err != nil || r.Removed != 2 || !r.Until.Equal(until) || !slices.Equal(r.Groups, []Binding{{"dev", "ClusterRole", "edit", ""}}) || r.Check() != nil {
		t.Errorf("%+v, %v", r, err)
	}
	want := []string{"PUT " + recordPath, "DELETE " + rbac + "/clusterrolebindings/alone", "PATCH " + rbac + "/namespaces/shop/rolebindings/shared"}
	if got := c.calls(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if text, err := json.Marshal(c.Sent()[2].Body); err != nil || string(text) != `{"metadata":{"resourceVersion":"9"},"subjects":[{"kind":"User","name":"boris"}]}` {
		t.Errorf("%s, %v", text, err)
	}
	all, err := users(t.Context(), c.Client())
	if err != nil || all[0].Barred() == nil {
		t.Errorf("%+v, %v", all, err)
	}
	was := all[0].Revoked
	c.Refuses("DELETE "+rbac+"/clusterrolebindings/alone", http.StatusForbidden)
	if _, err := Revoke(t.Context(), c.Client(), "anna"); err == nil || !strings.Contains(err.Error(), "removing the binding alone") {
		t.Errorf("%v", err)
	}
	if all, err = users(t.Context(), c.Client()); err != nil || !all[0].Revoked.Equal(was) {
		t.Errorf("revoked again at %+v, %v", all, err)
	}
	for name, wrong := range map[string]Revocation{"group": {Groups: []Binding{{User: "\x1b"}}}, "namespace": {Groups: []Binding{{User: "dev", Namespace: "\n"}}}} {
		if wrong.Check() == nil {
			t.Errorf("a false %s is believed", name)
		}
	}
}
