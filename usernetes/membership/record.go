package membership

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// The record is a ConfigMap: for each Node object that was removed its uid, with its
// name and the time. Nodes may read it, and nothing else of its kind.
const (
	recordName  = "podsec-k8s-removed-nodes"
	kubeSystem  = "/namespaces/kube-system/"
	recordPlace = "/api/v1" + kubeSystem + "configmaps"
	recordPath  = recordPlace + "/" + recordName

	rbacGroup = "rbac.authorization.k8s.io"
	rbacPlace = "/apis/" + rbacGroup + "/v1" + kubeSystem
)

// keepFor is how long the record has a node: for longer than a kubelet's certificate
// lives, without which no machine comes back.
// Source: kube-controller-manager's --cluster-signing-duration, a year.
const keepFor = 400 * 24 * time.Hour

// A removed is what the record has of a node.
type removed struct {
	Name string    `json:"name"`
	At   time.Time `json:"removed"`
}

func readRecord(ctx context.Context, api *kubeapi.Client) (data map[string]string, err error) {
	var object struct{ Data map[string]string }
	err = api.Get(ctx, recordPath, &object)
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	return object.Data, err
}

// isListed reports whether the record has a Node object. A cluster that has removed
// none lets no node read it.
func isListed(ctx context.Context, api *kubeapi.Client, uid string) (bool, error) {
	data, err := readRecord(ctx, api)
	if kubeapi.HasStatus(err, http.StatusForbidden) {
		return false, nil
	}
	_, listed := data[uid]
	return listed, err
}

// WasRemoved reports whether the record has a node of that name.
func WasRemoved(ctx context.Context, api *kubeapi.Client, name string) (bool, error) {
	data, err := readRecord(ctx, api)
	for _, text := range data {
		var r removed
		if json.Unmarshal([]byte(text), &r) == nil && r.Name == name {
			return true, err
		}
	}
	return false, err
}

// Record notes that a Node object is removed for good, before it is: its machine
// stops its node once it sees that. What is old goes from the record.
func Record(ctx context.Context, api *kubeapi.Client, n kubeapi.ClusterNode, now time.Time) error {
	data, err := readRecord(ctx, api)
	if err != nil {
		return message.Errorf("recording the removed node: %w", err)
	}
	own, err := json.Marshal(removed{n.Metadata.Name, now.UTC()})
	if err != nil {
		return message.Errorf("recording the removed node: %w", err)
	}
	changed := document.Document{n.Metadata.UID: string(own)}
	for uid, text := range data {
		var r removed
		if json.Unmarshal([]byte(text), &r) == nil && now.Sub(r.At) > keepFor {
			changed[uid] = nil
		}
	}
	if err := write(ctx, api, data == nil, changed); err != nil {
		return message.Errorf("recording the removed node: %w", err)
	}
	return nil
}

// write changes the record. Whoever comes first makes it, and the rights to read it.
func write(ctx context.Context, api *kubeapi.Client, fresh bool, changed document.Document) error {
	if fresh {
		for _, object := range recordObjects() {
			err := api.Send(ctx, http.MethodPost, object.place, "application/json", object.document)
			if err != nil && !kubeapi.HasStatus(err, http.StatusConflict) {
				return err
			}
		}
	}
	return api.Send(ctx, http.MethodPatch, recordPath, "application/merge-patch+json", document.Document{"data": changed})
}

type placed struct {
	place    string
	document document.Document
}

// recordObjects lists the rights and the empty record, which is made last: where it
// is, the rights are too.
func recordObjects() []placed {
	const role = "podsec-k8s:removed-nodes"
	metadata := func(name string) document.Document {
		return document.Document{"name": name, "namespace": "kube-system"}
	}
	return []placed{
		{rbacPlace + "roles", document.Document{
			"apiVersion": rbacGroup + "/v1", "kind": "Role", "metadata": metadata(role),
			"rules": []any{document.Document{
				"apiGroups": []string{""}, "resources": []string{"configmaps"}, "resourceNames": []string{recordName}, "verbs": []string{"get"},
			}},
		}},
		{rbacPlace + "rolebindings", document.Document{
			"apiVersion": rbacGroup + "/v1", "kind": "RoleBinding", "metadata": metadata(role),
			"roleRef":  document.Document{"apiGroup": rbacGroup, "kind": "Role", "name": role},
			"subjects": []any{document.Document{"apiGroup": rbacGroup, "kind": "Group", "name": "system:nodes"}},
		}},
		{recordPlace, document.Document{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata(recordName)}},
	}
}
