package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

var ends = time.Date(2031, 5, 1, 10, 0, 0, 0, time.UTC)

// madePair makes a certificate that signs itself, and its key.
func madePair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: ends.Add(-day), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text})
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	path = node.StatePath(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRead reads a file with a certificate, a kubeconfig, and the kubelet's link to
// a file that begins with a key.
func TestRead(t *testing.T) {
	roottest.Empty(t, "/var/lib")
	if all := Read(); len(all) != 0 {
		t.Fatalf("no node: %v", all)
	}
	cert, key := madePair(t, "x")
	conf, err := kubeapi.Access{Server: "https://192.0.2.10:6443", CA: cert, Cert: cert, Key: key}.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	write(t, "/etc/kubernetes/admin.conf", conf)
	write(t, pki+"apiserver.crt", cert)
	write(t, pki+"etcd/server.crt", cert)
	write(t, etcdKey, key)
	write(t, kubeletPKI+"dated.pem", append(key, cert...))
	if err := os.Symlink(kubeletPKI+"dated.pem", node.StatePath(kubeletPKI+"kubelet-client-current.pem")); err != nil {
		t.Fatal(err)
	}
	all := Read()
	elsewhere := map[string]bool{"admin.conf": true, "apiserver": true, "etcd-server": false, "kubelet-client": false}
	if len(all) != len(elsewhere) {
		t.Errorf("got %v", all)
	}
	for _, c := range all {
		want, known := elsewhere[c.Name]
		if !known || c.Elsewhere != want || c.Subject != "CN=x" || c.Authority != "CN=x" || !c.Ends.Equal(ends) || !c.Begins.Equal(ends.Add(-day)) {
			t.Errorf("got %+v", c)
		}
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, spoilt := range []string{"", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		write(t, pki+"apiserver.crt", []byte(spoilt))
		c, found := ByName("apiserver")
		if !found || c.Fault.Empty() || c.StateAt(ends) != Unreadable || c.Check() != nil {
			t.Errorf("%q is %+v", spoilt, c)
		}
		if len(Read()) != len(all) {
			t.Error("the others are not read")
		}
	}
}
