package backup

import (
	"context"
	"net/http"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// settings collects kubeadm's configuration by which the control plane is made again:
// what the cluster has of it, and what this node was made by.
func settings(ctx context.Context, api *kubeapi.Client) ([]byte, error) {
	cluster, err := kubeadm.ClusterConfig(ctx, api)
	if err != nil {
		return nil, message.Errorf("getting the cluster's configuration: %w", err)
	}
	kubelet, err := kubeadm.KubeletConfig(ctx, api)
	if err != nil {
		return nil, message.Errorf("getting the cluster's configuration: %w", err)
	}
	s, err := steps.LoadSteps()
	if err != nil {
		return nil, err
	}
	asked, _ := s.AskedFor()
	return merged(cluster, kubelet, []byte(asked.Config))
}

// merged puts them into one file.
func merged(cluster, kubelet, asked []byte) ([]byte, error) {
	var all []document.Document
	for _, from := range []struct {
		data  []byte
		kinds []string
	}{
		{cluster, []string{kubeadm.KindCluster}},
		{kubelet, []string{kubeadm.KindKubelet}},
		{asked, []string{kubeadm.KindInit, kubeadm.KindJoin}}, // the cluster knows the rest better
	} {
		docs, err := document.Parse(from.data)
		if err != nil {
			return nil, message.Errorf("reading the cluster's configuration: %w", err)
		}
		for _, doc := range docs {
			if of, _ := doc["kind"].(string); slices.Contains(from.kinds, of) {
				all = append(all, movable(doc))
			}
		}
	}
	for _, doc := range all {
		if document.Lookup(doc, "etcd", "external") != nil {
			return nil, host.NewFault("back it up with the tools of that etcd, and keep /etc/kubernetes/pki of a control plane",
				"this cluster's etcd is not on its control planes: podsec-k8s cannot back it up")
		}
	}
	return document.Format(all)
}

// auditPolicy reads the audit policy of the site's, if the cluster has one: what the
// cluster keeps, or what this control plane has, if that is the one that the
// configuration names.
func auditPolicy(ctx context.Context, api *kubeapi.Client, config []byte) ([]byte, error) {
	path := audit.OfConfig(config).Policy
	if !audit.IsOwnPolicy(path) {
		return nil, nil
	}
	var object struct{ Data map[string]string }
	err := api.Get(ctx, audit.PolicyObjectPath, &object)
	if policy := []byte(object.Data[audit.PolicyKey]); err == nil && audit.IsPolicyOf(path, policy) {
		return policy, nil
	}
	if err != nil && !kubeapi.HasStatus(err, http.StatusNotFound) {
		return nil, message.Errorf("getting the cluster's audit policy: %w", err)
	}
	policy, err := host.ReadFile(node.StatePath(path))
	if err != nil || !audit.IsPolicyOf(path, policy) {
		return nil, host.NewFault("podsec-k8s audit set FILE; then run the command again", "neither the cluster nor this control plane has the audit policy that the cluster's configuration names")
	}
	return policy, nil
}

// resolvedConf is the file that kubeadm writes into a kubelet's configuration where
// systemd-resolved runs. Source: kubeadm's componentconfigs/kubelet.go.
const resolvedConf = "/run/systemd/resolve/resolv.conf"

// movable makes a document one that holds on any machine. That of a control plane
// that joined becomes one of a first control plane.
func movable(doc document.Document) document.Document {
	switch doc["kind"] {
	case kubeadm.KindKubelet:
		if doc["resolvConf"] == resolvedConf {
			delete(doc, "resolvConf")
		}
		return doc
	case kubeadm.KindCluster:
		delete(doc, "certificatesDir") // the node has but one place for them
		return doc
	}
	own := document.Document{"apiVersion": doc["apiVersion"], "kind": kubeadm.KindInit}
	for _, field := range []string{"nodeRegistration", "patches", "skipPhases"} {
		if value, ok := doc[field]; ok && (field != "skipPhases" || doc["kind"] == kubeadm.KindInit) {
			own[field] = value
		}
	}
	for _, path := range [][]string{{"localAPIEndpoint", "bindPort"}, {"controlPlane", "localAPIEndpoint", "bindPort"}} {
		if port := document.Lookup(doc, path...); port != nil {
			document.Put(own, port, "localAPIEndpoint", "bindPort")
		}
	}
	if registration, ok := own["nodeRegistration"].(document.Document); ok {
		delete(registration, "name")
		switch args := registration["kubeletExtraArgs"].(type) {
		case document.Document:
			delete(args, "node-ip")
		case []any:
			registration["kubeletExtraArgs"] = slices.DeleteFunc(args, func(arg any) bool { return document.ItemName(arg) == "node-ip" })
		}
	}
	return own
}
