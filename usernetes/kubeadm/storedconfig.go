package kubeadm

import (
	"context"
	"net/http"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// A StoredConfig is the ClusterConfiguration that the cluster keeps: kubeadm takes it
// for each control plane that joins or is upgraded.
type StoredConfig struct {
	Cluster document.Document
	object  document.Document // the ConfigMap, as it was read
}

// LoadConfig reads it.
func LoadConfig(ctx context.Context, c *kubeapi.Client) (s StoredConfig, err error) {
	if err := c.Get(ctx, kubeadmConfigPath, &s.object); err != nil {
		return s, message.Errorf("reading the cluster's configuration: %w", err)
	}
	text, _ := document.Lookup(s.object, "data", KindCluster).(string)
	if err := yaml.Unmarshal([]byte(text), &s.Cluster); err != nil {
		return s, message.Errorf("reading the cluster's configuration: %w", err)
	}
	if s.Cluster["kind"] != KindCluster {
		return s, message.Errorf("reading the cluster's configuration: %w", message.New("it has no ClusterConfiguration"))
	}
	return s, nil
}

// Save puts another configuration in its place. Where somebody else has changed it
// since it was read, the API refuses.
// Source: the Kubernetes documentation, "API Concepts", resource versions.
func (s StoredConfig) Save(ctx context.Context, c *kubeapi.Client, cluster document.Document) error {
	text, err := yaml.Marshal(cluster)
	if err != nil {
		return message.Errorf("storing the cluster's configuration: %w", err)
	}
	document.Put(s.object, string(text), "data", KindCluster)
	if err := c.Send(ctx, http.MethodPut, kubeadmConfigPath, "application/json", s.object); err != nil {
		return message.Errorf("storing the cluster's configuration: %w", err)
	}
	return nil
}

// A StoredKubelet is the KubeletConfiguration that the cluster keeps for every node.
type StoredKubelet struct {
	Kubelet document.Document
	object  document.Document // the ConfigMap, as it was read
}

// LoadKubelet reads it.
func LoadKubelet(ctx context.Context, c *kubeapi.Client) (s StoredKubelet, err error) {
	if err := c.Get(ctx, kubeletConfigPath, &s.object); err != nil {
		return s, message.Errorf("reading the cluster's configuration of kubelets: %w", err)
	}
	text, _ := document.Lookup(s.object, "data", "kubelet").(string)
	if err := yaml.Unmarshal([]byte(text), &s.Kubelet); err != nil {
		return s, message.Errorf("reading the cluster's configuration of kubelets: %w", err)
	}
	if s.Kubelet["kind"] != KindKubelet {
		return s, message.Errorf("reading the cluster's configuration of kubelets: %w", message.New("it has no KubeletConfiguration"))
	}
	return s, nil
}

// Save puts another configuration in its place, unless somebody else has changed it.
func (s StoredKubelet) Save(ctx context.Context, c *kubeapi.Client, kubelet document.Document) error {
	text, err := yaml.Marshal(kubelet)
	if err != nil {
		return message.Errorf("storing the cluster's configuration of kubelets: %w", err)
	}
	document.Put(s.object, string(text), "data", "kubelet")
	if err := c.Send(ctx, http.MethodPut, kubeletConfigPath, "application/json", s.object); err != nil {
		return message.Errorf("storing the cluster's configuration of kubelets: %w", err)
	}
	return nil
}
