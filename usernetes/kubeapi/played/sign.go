package played

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"
)

// SignRequests has the API sign certificate requests once they are approved, as a
// cluster does, by an authority of its own, which Access has from then on. change, if
// any, changes a certificate before.
func (a *API) SignRequests(t testing.TB, change func(*x509.Certificate)) {
	t.Helper()
	ca, key := authority(t)
	a.access.CA = slices.Concat(a.access.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw}))
	const requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
	const name = "played"
	var asked map[string]any
	a.Answers("POST "+requests, func(s Sent) any {
		asked, _ = s.Body["spec"].(map[string]any)
		return map[string]any{"metadata": map[string]any{"name": name}}
	})
	a.Answers("PATCH "+requests+"/"+name+"/approval", func(Sent) any {
		cert, err := sign(ca, key, asked, change)
		status := map[string]any{"certificate": cert}
		if err != nil {
			status = map[string]any{"conditions": []any{map[string]string{"type": "Failed", "message": err.Error()}}}
		}
		a.Has(requests+"/"+name, map[string]any{"status": status})
		return struct{}{}
	})
}

// sign signs the request that a specification has.
func sign(ca *x509.Certificate, key *ecdsa.PrivateKey, spec map[string]any, change func(*x509.Certificate)) ([]byte, error) {
	encoded, _ := spec["request"].(string)
	lifetime, _ := spec["expirationSeconds"].(float64)
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: csr.Subject, NotBefore: time.Now().Add(-time.Minute),
		NotAfter:    time.Now().Add(time.Duration(lifetime) * time.Second),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, csr.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func authority(t testing.TB) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(100_000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ca, key
}
