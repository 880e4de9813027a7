package kubeadm

import (
	"net/http"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
)

// TestStoredConfig: it is read, and written back with all else that the object has.
func TestStoredConfig(t *testing.T) {
	api := played.Start(t)
	if _, err := LoadConfig(t.Context(), api.Client()); err == nil {
		t.Error("read from a cluster that has none")
	}
	api.Has(kubeadmConfigPath, `{"data":{"ClusterConfiguration":"kind: Other\n"}}`)
	if _, err := LoadConfig(t.Context(), api.Client()); err == nil || !strings.Contains(err.Error(), "no ClusterConfiguration") {
		t.Errorf("another kind: %v", err)
	}
	api.Has(kubeadmConfigPath, `{"metadata":{"resourceVersion":"7"},"data":{"ClusterConfiguration":"kind: ClusterConfiguration\nclusterName: one\n"}}`)
	s, err := LoadConfig(t.Context(), api.Client())
	if err != nil || s.Cluster["clusterName"] != "one" {
		t.Fatalf("%v, %v", s.Cluster, err)
	}
	s.Cluster["clusterName"] = "two"
	if err := s.Save(t.Context(), api.Client(), s.Cluster); err != nil {
		t.Fatal(err)
	}
	sent := api.Sent()[0]
	text, _ := document.Lookup(sent.Body, "data", KindCluster).(string)
	if sent.Call != "PUT "+kubeadmConfigPath || document.Lookup(sent.Body, "metadata", "resourceVersion") != "7" || !strings.Contains(text, "clusterName: two") {
		t.Errorf("sent %+v", sent)
	}
	api.Refuses("PUT "+kubeadmConfigPath, http.StatusConflict)
	if err := s.Save(t.Context(), api.Client(), s.Cluster); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("changed by others: %v", err)
	}
}
