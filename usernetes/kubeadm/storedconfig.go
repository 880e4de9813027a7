package kubeadm

import (
	"context"
	"net/http"
	"path"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// A Stored is a document of the configuration that the cluster keeps: kubeadm takes
// those of its kinds for each node that joins or is upgraded.
type Stored struct {
	Document document.Document // nil where the cluster keeps none
	kind     string
	object   document.Document // the ConfigMap, as it was read
}

// Kept lists the kinds that the cluster keeps, in the order in which they are written.
func Kept() []string { return []string{KindKubelet, KindProxy, KindCluster} }

// ProxyObject is the ConfigMap with the configuration of kube-proxy, which the cluster
// has once that was changed. It has not kubeadm's own name, kube-proxy: where there is
// one of that name, kubeadm upgrade makes a DaemonSet of kube-proxy.
// Source: kubeadm 1.26's phases/upgrade/postupgrade.go.
const (
	ProxyObject     = "podsec-k8s-kube-proxy"
	proxyConfigPath = "/api/v1/namespaces/kube-system/configmaps/" + ProxyObject
)

// placeOf tells in which ConfigMap the cluster keeps a kind, and under which key.
// Source: kubeadm's constants, KubeProxyConfigMapKey.
func placeOf(kind string) (object, key string) {
	switch kind {
	case KindKubelet:
		return kubeletConfigPath, "kubelet"
	case KindProxy:
		return proxyConfigPath, "config.conf"
	}
	return kubeadmConfigPath, KindCluster
}

// Load reads the document of a kind. Before there is a ConfigMap for kube-proxy a node
// has no right to read it: both say that there is none.
func Load(ctx context.Context, c *kubeapi.Client, kind string) (s Stored, err error) {
	s.kind = kind
	object, key := placeOf(kind)
	err = c.Get(ctx, object, &s.object)
	if kind == KindProxy && (kubeapi.HasStatus(err, http.StatusNotFound) || kubeapi.HasStatus(err, http.StatusForbidden)) {
		return s, nil
	}
	text, _ := document.Lookup(s.object, "data", key).(string)
	if err == nil {
		err = yaml.Unmarshal([]byte(text), &s.Document)
	}
	if err == nil && s.Document["kind"] != kind {
		err = message.Errorf("it has no %s", kind)
	}
	if err != nil {
		return s, message.Errorf("reading %s from the cluster: %w", kind, err)
	}
	return s, nil
}

// Save puts another document in its place. Where somebody else has changed it since it
// was read, the API refuses.
// Source: the Kubernetes documentation, "API Concepts", resource versions.
func (s Stored) Save(ctx context.Context, c *kubeapi.Client, doc document.Document) error {
	text, err := yaml.Marshal(doc)
	if err != nil {
		return message.Errorf("storing %s in the cluster: %w", s.kind, err)
	}
	object, key := placeOf(s.kind)
	method, at := http.MethodPut, object
	if s.object == nil {
		method, at = http.MethodPost, path.Dir(object)
		s.object = document.Document{"apiVersion": "v1", "kind": "ConfigMap", "metadata": document.Document{"name": path.Base(object), "namespace": "kube-system"}}
	}
	document.Put(s.object, string(text), "data", key)
	if err := c.Send(ctx, method, at, "application/json", s.object); err != nil {
		return message.Errorf("storing %s in the cluster: %w", s.kind, err)
	}
	return nil
}
