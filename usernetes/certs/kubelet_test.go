package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// writeAuthority makes a cluster's authority that ends at a time.
func writeAuthority(t *testing.T, ends time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: ends.Add(-3650 * day), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, node.CAFile, cert)
	write(t, clusterKey, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// TestSignKubelet: the cluster takes the certificate for that of the node, it does not
// outlive its authority, and the kubelet finds it by its link.
func TestSignKubelet(t *testing.T) {
	now := time.Now()
	for name, left := range map[string]time.Duration{"an authority that lives": 1000 * day, "one that ends soon": 10 * day} {
		t.Run(name, func(t *testing.T) {
			roottest.Empty(t, "/var/lib")
			if HasAuthority() {
				t.Error("there is an authority")
			}
			if err := SignKubelet("m1", now); err == nil {
				t.Error("signed by nobody")
			}
			pool := writeAuthority(t, now.Add(left).Truncate(time.Second))
			link := node.StatePath(kubeletClient)
			write(t, kubeletPKI+"old.pem", nil)
			if err := os.Symlink(kubeletPKI+"old.pem", link); err != nil {
				t.Fatal(err)
			}
			if err := SignKubelet("m1", now); err != nil || !HasAuthority() {
				t.Fatal(err)
			}
			c, found := ByName(KubeletClient)
			if ends := now.Add(min(left, kubeletLife)); !found || c.Ends.Sub(ends).Abs() > time.Second || c.Subject != "CN=system:node:m1,O=system:nodes" {
				t.Errorf("got %+v", c)
			}
			target, err := os.Readlink(link)
			if err != nil || !strings.HasPrefix(target, kubeletPKI+"kubelet-client-20") {
				t.Fatalf("the link leads to %q, %v", target, err)
			}
			if info, err := os.Stat(node.StatePath(target)); err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
			pair, err := tls.LoadX509KeyPair(node.StatePath(target), node.StatePath(target))
			if err == nil {
				_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRemoveSelfSigned: the kubelet makes the two anew only where both are gone.
func TestRemoveSelfSigned(t *testing.T) {
	roottest.Empty(t, "/var/lib")
	cert, key := madePair(t, "m1@1")
	write(t, kubeletCert, cert)
	write(t, kubeletKey, key)
	if _, found := ByName(KubeletSelfSigned); !found {
		t.Error("it is not listed")
	}
	for range 2 {
		if err := RemoveSelfSigned(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(node.StatePath(kubeletPKI)); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}
