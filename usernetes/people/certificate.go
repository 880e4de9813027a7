package people

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Request is for a certificate of a person. It has nothing secret.
type Request struct {
	Name    string
	Groups  []string
	Seconds int    // how long the certificate is to live
	CSR     []byte // PEM
}

// NewRequest makes a request for a key.
// Source: the Kubernetes documentation, "Authenticating", X509 client certificates.
func NewRequest(name string, groups []string, lifetime time.Duration, key crypto.Signer) (Request, error) {
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	subject := x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: groups}}
	der, err := x509.CreateCertificateRequest(rand.Reader, &subject, key)
	if err != nil {
		return Request{}, message.Errorf("creating the certificate request: %w", err)
	}
	return Request{name, groups, int(lifetime / time.Second), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})}, nil
}

// clockSlack is how far the clock of another control plane may be ahead.
const clockSlack = 5 * time.Minute

// Check reports whether a certificate is what was asked for: for that key, name and
// groups, for a client alone, of that authority, and good for no longer. It returns
// until when it is.
func (r Request) Check(cert, ca []byte, key crypto.Signer, now time.Time) (until time.Time, err error) {
	block, rest := pem.Decode(cert)
	if block == nil || block.Type != "CERTIFICATE" || len(rest) > 0 {
		return until, message.New("it is not one certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return until, err
	}
	public, ok := c.PublicKey.(*ecdsa.PublicKey)
	groups := slices.Sorted(slices.Values(c.Subject.Organization))
	switch {
	case !ok || !public.Equal(key.Public()):
		return until, message.New("it is for another key")
	case c.Subject.CommonName != r.Name:
		return until, message.Errorf("it is for another user, %q", c.Subject.CommonName)
	case !slices.Equal(groups, r.Groups):
		return until, message.Errorf("it is for other groups, %q", groups)
	case c.IsCA || !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || len(c.UnknownExtKeyUsage) > 0:
		return until, message.New("it is for more than a client")
	case c.NotAfter.After(now.Add(time.Duration(r.Seconds)*time.Second + clockSlack)):
		return until, message.Errorf("it is valid for too long, until %s", c.NotAfter.Format(time.RFC3339))
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	_, err = c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return c.NotAfter, err
}

// validUntil reads the end of a certificate that the cluster has signed.
func validUntil(cert []byte) (time.Time, error) {
	block, _ := pem.Decode(cert)
	if block == nil {
		return time.Time{}, message.New("the cluster did not sign a certificate")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, err
	}
	return c.NotAfter, nil
}
