package usernetes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestJoinChecks asks a server of the test's own: the clock of a machine
// can't be set in a test.
func TestJoinChecks(t *testing.T) {
	for _, c := range []struct {
		name    string
		version string
		status  int
		ahead   time.Duration
		fails   []string
	}{
		{"as it should be", "v1.26.9", http.StatusOK, 0, nil},
		{"keeps its version to itself", "v1.34.4", http.StatusUnauthorized, 0, nil},
		{"another minor", "v1.34.4", http.StatusOK, 0, []string{"version-skew"}},
		{"its clock is ahead", "v1.26.9", http.StatusOK, time.Hour, []string{"clock"}},
		{"its clock is behind", "v1.26.9", http.StatusOK, -48 * time.Hour, []string{"clock"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(c.ahead).UTC().Format(http.TimeFormat))
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(`{"gitVersion":"` + c.version + `"}`))
			}))
			defer server.Close()
			facts := Facts{Cluster: askCluster(t.Context(), server.Client(), strings.TrimPrefix(server.URL, "https://"))}
			if got := failedJoinChecks(t, facts); !slices.Equal(got, c.fails) {
				t.Errorf("failed %q, want %q", got, c.fails)
			}
		})
	}
}

func TestClusterUnreachable(t *testing.T) {
	facts := Facts{Cluster: ClusterFacts{Endpoint: "192.0.2.1:6443", Err: http.ErrHandlerTimeout}}
	if got := failedJoinChecks(t, facts); !slices.Equal(got, []string{"cluster"}) {
		t.Errorf("failed %q", got)
	}
}

// failedJoinChecks names those of a join's own checks that fail.
func failedJoinChecks(t *testing.T, f Facts) (failed []string) {
	t.Helper()
	for _, finding := range Preflight(JoinChecks()[len(Checks()):], f, Node{Kubernetes: "v1.26.3"}, nil) {
		if finding.Fault == nil {
			continue
		}
		failed = append(failed, finding.Check)
		if finding.Fault.Remedy == "" {
			t.Errorf("%s has no remedy", finding.Check)
		}
	}
	return failed
}

func ownCertificate(s *httptest.Server) *x509.Certificate { return s.Certificate() }

func TestDiscover(t *testing.T) {
	c := newFakeCluster(t, ownCertificate)
	f := Facts{}.WithClusterConfig(t.Context(), c.request())
	for _, p := range []struct {
		port int
		want string
	}{
		{0, "KubeletConfiguration tlsCertFile"}, // a worker has no apiserver
		{apiPort, "KubeletConfiguration tlsCertFile, apiServer.extraArgs audit-policy-file"},
	} {
		var by []string
		for _, fact := range f.WithFiles(Node{APIPort: p.port}, nil).Files {
			by = append(by, fact.By)
		}
		if got := strings.Join(by, ", "); got != p.want {
			t.Errorf("got %q, want %q", got, p.want)
		}
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
			f := Facts{}.WithClusterConfig(t.Context(), request)
			if f.Cluster.Config != nil || len(c.cluster.tokens) > 0 {
				t.Errorf("it has %v, and the server has %q", f.Cluster.Config, c.cluster.tokens)
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
	if f := (Facts{}).WithClusterConfig(t.Context(), request); f.Cluster.Config != nil {
		t.Errorf("got %v", f.Cluster.Config)
	}
}
