package usernetes

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const testToken = "abcdef.0123456789abcdef"

// A fakeCluster answers as a cluster does that a machine wants to join.
type fakeCluster struct {
	*httptest.Server
	sync.Mutex
	tokens []string // that were sent to it
}

// newFakeCluster has a certificate of its own, and names the authority with
// which it says that it was signed.
func newFakeCluster(t *testing.T, authority func(*httptest.Server) *x509.Certificate) *fakeCluster {
	t.Helper()
	c := &fakeCluster{}
	maps := map[string]map[string]string{}
	c.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.Lock()
		defer c.Unlock()
		if token := r.Header.Get("Authorization"); token != "" {
			c.tokens = append(c.tokens, token)
		}
		if data, ok := maps[r.URL.Path]; ok && (r.URL.Path == clusterInfoPath || r.Header.Get("Authorization") == "Bearer "+testToken) {
			_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
			return
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(c.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority(c.Server).Raw}))
	maps[clusterInfoPath] = map[string]string{"kubeconfig": "clusters: [{name: '', cluster: {certificate-authority-data: " + ca + "}}]"}
	maps[kubeadmConfigPath] = map[string]string{kindCluster: "kind: ClusterConfiguration\napiServer: {extraArgs: {audit-policy-file: /srv/audit.yaml}}"}
	maps[kubeletConfigPath] = map[string]string{"kubelet": "kind: KubeletConfiguration\ntlsCertFile: /srv/kubelet.crt"}
	return c
}

func (c *fakeCluster) request() JoinRequest {
	return JoinRequest{Endpoint: strings.TrimPrefix(c.URL, "https://"), Token: testToken, CAHashes: []string{keyHash(c.Certificate())}}
}
