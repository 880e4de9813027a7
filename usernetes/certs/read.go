package certs

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Certificate is what one is known by. Nothing of it is secret.
type Certificate struct {
	Name      string
	Path      string // as the node sees it, or, of root's kubeconfig, as the machine does
	Subject   string
	Authority string // who signed it
	Begins    time.Time
	Ends      time.Time
	Keeper    Keeper
	Elsewhere bool // the key of its authority is not on this machine
}

// Read reads all certificates that the node has of its own, as u7s-admin.
func Read() (all []Certificate, err error) {
	for _, s := range sources() {
		data, err := host.ReadFile(node.StateTarget(s.path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, message.Errorf("reading a certificate: %w", err)
		}
		c, err := s.certificate(data)
		if err != nil {
			return nil, message.Errorf("reading the certificate in %q: %w", s.path, err)
		}
		c.Elsewhere = s.key != "" && !host.Exists(node.StatePath(s.key))
		all = append(all, c)
	}
	return all, nil
}

// certificate reads the file's.
func (s source) certificate(data []byte) (c Certificate, err error) {
	if strings.HasSuffix(s.path, ".conf") {
		access, err := kubeapi.ParseKubeconfig(data)
		if err != nil {
			return c, err
		}
		data = access.Cert
	}
	c, err = Parse(data)
	c.Name, c.Path, c.Keeper = s.name, s.path, s.keeper
	return c, err
}

// Parse reads the first certificate of a PEM file. The kubelet has its key in the
// same file.
func Parse(data []byte) (c Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return c, err
		}
		return Certificate{
			Subject: cert.Subject.String(), Authority: cert.Issuer.String(), Begins: cert.NotBefore, Ends: cert.NotAfter,
		}, nil
	}
	return c, message.New("the file contains no certificate")
}
