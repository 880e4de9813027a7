package kubeadm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
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
	maps[kubeadmConfigPath] = map[string]string{KindCluster: "kind: ClusterConfiguration\napiServer: {extraArgs: {audit-policy-file: /srv/audit.yaml}}"}
	maps[kubeletConfigPath] = map[string]string{"kubelet": "kind: KubeletConfiguration\ntlsCertFile: /srv/kubelet.crt"}
	return c
}

func (c *fakeCluster) request() JoinRequest {
	return JoinRequest{Endpoint: strings.TrimPrefix(c.URL, "https://"), Token: testToken, CAHashes: []string{keyHash(c.Certificate())}}
}

func ownCertificate(s *httptest.Server) *x509.Certificate { return s.Certificate() }

func TestDiscover(t *testing.T) {
	config, err := Discover(t.Context(), newFakeCluster(t, ownCertificate).request())
	if err != nil {
		t.Fatal(err)
	}
	if policy := document.Lookup(config[KindCluster], "apiServer", "extraArgs", "audit-policy-file"); policy != "/srv/audit.yaml" {
		t.Errorf("the cluster's configuration is %v", config[KindCluster])
	}
	if file := config[KindKubelet]["tlsCertFile"]; file != "/srv/kubelet.crt" {
		t.Errorf("the kubelet's configuration is %v", config[KindKubelet])
	}
}

// TestDiscoverKeepsTheToken: a server that is not proved gets no token, and
// nothing of what it says is taken.
func TestDiscoverKeepsTheToken(t *testing.T) {
	other := otherCertificate(t)
	for name, c := range map[string]struct {
		cluster *fakeCluster
		hash    string
	}{
		"another authority":                   {newFakeCluster(t, ownCertificate), "sha256:" + strings.Repeat("0", 64)},
		"the authority's name, not its key":   {newFakeCluster(t, func(*httptest.Server) *x509.Certificate { return other }), keyHash(other)},
		"a hash of another form":              {newFakeCluster(t, ownCertificate), "sha512:00"},
		"no authority that can be understood": {newFakeCluster(t, func(*httptest.Server) *x509.Certificate { return &x509.Certificate{} }), "sha256:"},
	} {
		t.Run(name, func(t *testing.T) {
			request := c.cluster.request()
			request.CAHashes = []string{c.hash}
			config, err := Discover(t.Context(), request)
			if err == nil || config != nil || len(c.cluster.tokens) > 0 {
				t.Errorf("it has %v, %v, and the server has %q", config, err, c.cluster.tokens)
			}
		})
	}
}

// otherCertificate is one whose key the fake cluster does not have.
func otherCertificate(t *testing.T) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	data, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(data)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestDiscoverRefused(t *testing.T) {
	c := newFakeCluster(t, ownCertificate)
	request := c.request()
	request.Token = "aaaaaa.0123456789abcdef"
	if config, err := Discover(t.Context(), request); err == nil || config != nil {
		t.Errorf("got %v, %v", config, err)
	}
}
