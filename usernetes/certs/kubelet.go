package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"path/filepath"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// kubeletLife is how long a certificate is valid that we sign for a kubelet, as long
// as those of kubeadm. The kubelet renews it before.
const kubeletLife = 365 * day

// HasAuthority reports whether the key of the cluster's certificate authority is on
// this machine.
func HasAuthority() bool { return host.Exists(node.StatePath(clusterKey)) }

// SignKubelet gives the kubelet of a node a certificate, by the key of the cluster's
// authority: without one the cluster does not know it, and so gives it none. The
// kubelet finds it where it puts its own.
// Source: the Kubernetes documentation, "Using Node Authorization"; client-go's
// util/certificate, certificate_store.go.
func SignKubelet(name string, now time.Time) error {
	text, err := signedKubelet(name, now)
	if err != nil {
		return message.Errorf("signing the kubelet's certificate: %w", err)
	}
	path := kubeletPKI + "kubelet-client-" + now.UTC().Format("2006-01-02-15-04-05") + ".pem"
	if err := host.MkdirAll(node.StatePath(kubeletPKI), 0o755); err != nil {
		return message.Errorf("signing the kubelet's certificate: %w", err)
	}
	if err := host.WriteFile(node.StatePath(path), text, 0o600); err != nil {
		return err
	}
	draft := node.StatePath(kubeletPKI + ".kubelet-client-next.pem")
	err = errors.Join(host.Remove(draft), host.Symlink(path, draft))
	if err == nil {
		err = host.Rename(draft, node.StatePath(kubeletClient))
	}
	if err != nil {
		return message.Errorf("signing the kubelet's certificate: %w", err)
	}
	return nil
}

// signedKubelet makes a key and a certificate, in one file as the kubelet has them.
func signedKubelet(name string, now time.Time) ([]byte, error) {
	certText, errCert := host.ReadFile(node.StatePath(node.CAFile))
	keyText, errKey := host.ReadFile(node.StatePath(clusterKey))
	if err := errors.Join(errCert, errKey); err != nil {
		return nil, err
	}
	authority, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, err
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ends := now.Add(kubeletLife)
	if authority.Leaf.NotAfter.Before(ends) {
		ends = authority.Leaf.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: number.Add(number, big.NewInt(1)), NotBefore: authority.Leaf.NotBefore, NotAfter: ends,
		Subject:  pkix.Name{CommonName: "system:node:" + name, Organization: []string{"system:nodes"}},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority.Leaf, key.Public(), authority.PrivateKey)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})...), nil
}

// RemoveSelfSigned lets the kubelet make its certificate for those who ask it, and
// its key, anew at its next start.
func RemoveSelfSigned() error {
	for _, path := range []string{kubeletCert, kubeletKey} {
		if err := host.Remove(node.StatePath(path)); err != nil {
			return message.Errorf("deleting the kubelet's certificate %q: %w", filepath.Base(path), err)
		}
	}
	return nil
}
