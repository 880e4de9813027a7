package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// clusterFor makes an authority, and by it a server's certificate and an access,
// valid until then.
func clusterFor(t *testing.T, until time.Time) (kubeapi.Access, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := until.Add(-time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"}, NotBefore: from, NotAfter: until, DNSNames: []string{"another.name"},
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, data []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}) }
	access := kubeapi.Access{
		Server: "https://127.0.0.1:1", CA: block("CERTIFICATE", caDER), Cert: block("CERTIFICATE", der), Key: block("EC PRIVATE KEY", keyDER),
	}
	return access, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve answers for a cluster.
func serve(t *testing.T, access *kubeapi.Access, cert tls.Certificate) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	access.Server = s.URL
}

// TestFreePlace: a kubeconfig is replaced when it is as we write them, and its
// cluster is this one or gone. Anything else stays.
func TestFreePlace(t *testing.T) {
	here, _ := clusterFor(t, time.Now().Add(time.Hour))
	dead, _ := clusterFor(t, time.Now().Add(time.Hour))
	living, livingCert := clusterFor(t, time.Now().Add(time.Hour))
	serve(t, &living, livingCert)
	expired, expiredCert := clusterFor(t, time.Now().Add(-time.Hour))
	serve(t, &expired, expiredCert)
	taken, _ := clusterFor(t, time.Now().Add(time.Hour))
	_, strangerCert := clusterFor(t, time.Now().Add(time.Hour))
	serve(t, &taken, strangerCert) // another cluster has its address
	silent, _ := clusterFor(t, time.Now().Add(time.Hour))
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's own port
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) //nolint:errcheck // nothing was said on it
	silent.Server = "https://" + listener.Addr().String()
	renewed := here
	renewed.Server = "https://127.0.0.1:2"

	content := func(a kubeapi.Access) string {
		data, err := a.Kubeconfig()
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, c := range []struct {
		name   string
		places []string // what is in the first ones
		want   int      // the place
	}{
		{"nothing there", nil, 0},
		{"a dead cluster", []string{content(dead)}, 0},
		{"its address is another's", []string{content(taken)}, 0},
		{"something silent at its address", []string{content(silent)}, 0},
		{"the same cluster", []string{content(renewed)}, 0},
		{"a living cluster", []string{content(living)}, 1},
		{"a living cluster whose certificates ran out", []string{content(expired)}, 1},
		{"changed by a person", []string{content(dead) + "# mine\n"}, 1},
		{"a person's", []string{"apiVersion: v1\nkind: Config\n"}, 1},
		{"no kubeconfig at all", []string{"\x00\x01"}, 1},
		{"both taken", []string{content(living), content(dead) + "# mine\n"}, 2},
		{"the second one dead", []string{content(living), content(dead)}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			t.Setenv("HOME", home)
			places, err := usualPlaces()
			if err != nil || !strings.HasPrefix(places[0], home) {
				t.Fatal(places, err)
			}
			if err := os.Mkdir(filepath.Dir(places[0]), 0o700); err != nil {
				t.Fatal(err)
			}
			for i, text := range c.places {
				if err := os.WriteFile(places[i], []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			path, beside, err := freePlace(t.Context(), here)
			if err != nil || path != places[c.want] || beside != (c.want > 0) {
				t.Errorf("%s, %t, %v; want %s", path, beside, err, places[c.want])
			}
		})
	}
	t.Run("a link", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		target := filepath.Join(home, "target")
		if err := os.WriteFile(target, []byte(content(dead)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(home, "link")); err != nil {
			t.Fatal(err)
		}
		if mayReplace(t.Context(), filepath.Join(home, "link"), here) {
			t.Error("a link is a person's")
		}
	})
}

func TestWithoutProxy(t *testing.T) {
	for _, c := range []struct {
		name      string
		env, want []string
	}{
		{"no proxy", []string{"A=b"}, []string{"A=b"}},
		{"an empty one", []string{"HTTPS_PROXY="}, []string{"HTTPS_PROXY="}},
		{"a proxy", []string{"https_proxy=x"}, []string{"https_proxy=x", "NO_PROXY=h", "no_proxy=h"}},
		{"with exceptions", []string{"HTTPS_PROXY=x", "no_proxy=a"}, []string{"HTTPS_PROXY=x", "NO_PROXY=a,h", "no_proxy=a,h"}},
		{"with two of them", []string{"no_proxy=a", "NO_PROXY=b", "ALL_PROXY=x"}, []string{"ALL_PROXY=x", "NO_PROXY=b,h", "no_proxy=b,h"}},
	} {
		if got := withoutProxy(c.env, "h"); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOwnKubeconfig(t *testing.T) {
	for call, want := range map[string]bool{
		"get nodes": false, "get nodes --kubeconfig x": true, "--kubeconfig=x get nodes": true, "exec web -- tool --kubeconfig=x": false, "get nodes -o --kubeconfigs": false,
	} {
		if got := ownKubeconfig(strings.Fields(call)); got != want {
			t.Errorf("%q: %t", call, got)
		}
	}
}
