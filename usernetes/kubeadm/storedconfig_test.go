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
	if _, err := Load(t.Context(), api.Client(), KindCluster); err == nil {
		t.Error("read from a cluster that has none")
	}
	api.Has(kubeadmConfigPath, `{"data":{"ClusterConfiguration":"kind: Other\n"}}`)
	if _, err := Load(t.Context(), api.Client(), KindCluster); err == nil || !strings.Contains(err.Error(), "no ClusterConfiguration") {
		t.Errorf("another kind: %v", err)
	}
	api.Has(kubeadmConfigPath, `{"metadata":{"resourceVersion":"7"},"data":{"ClusterConfiguration":"kind: ClusterConfiguration\nclusterName: one\n"}}`)
	s, err := Load(t.Context(), api.Client(), KindCluster)
	if err != nil || s.Document["clusterName"] != "one" {
		t.Fatalf("%v, %v", s.Document, err)
	}
	s.Document["clusterName"] = "two"
	if err := s.Save(t.Context(), api.Client(), s.Document); err != nil {
		t.Fatal(err)
	}
	sent := api.Sent()[0]
	text, _ := document.Lookup(sent.Body, "data", KindCluster).(string)
	if sent.Call != "PUT "+kubeadmConfigPath || document.Lookup(sent.Body, "metadata", "resourceVersion") != "7" || !strings.Contains(text, "clusterName: two") {
		t.Errorf("sent %+v", sent)
	}
	api.Refuses("PUT "+kubeadmConfigPath, http.StatusConflict)
	if err := s.Save(t.Context(), api.Client(), s.Document); err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("changed by others: %v", err)
	}
}

// TestStoredProxy: the configuration of kube-proxy is there once it was changed; a node
// has no right to read what is not there.
func TestStoredProxy(t *testing.T) {
	api := played.Start(t)
	for _, status := range []int{http.StatusNotFound, http.StatusForbidden} {
		api.Refuses("GET "+proxyConfigPath, status)
		s, err := Load(t.Context(), api.Client(), KindProxy)
		if err != nil || s.Document != nil {
			t.Errorf("%d: %v, %v", status, s.Document, err)
		}
		if err := s.Save(t.Context(), api.Client(), document.Document{"kind": KindProxy}); err != nil {
			t.Fatal(err)
		}
	}
	sent := api.Sent()[0]
	if sent.Call != "POST /api/v1/namespaces/kube-system/configmaps" || document.Lookup(sent.Body, "metadata", "name") != ProxyObject || document.Lookup(sent.Body, "data", "config.conf") != "kind: KubeProxyConfiguration\n" {
		t.Errorf("sent %+v", sent)
	}
	api.Refuses("GET "+proxyConfigPath, http.StatusInternalServerError)
	if _, err := Load(t.Context(), api.Client(), KindProxy); err == nil {
		t.Error("an API that can't answer has none")
	}
}
