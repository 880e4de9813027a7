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
	Elsewhere bool         // the key of its authority is not on this machine
	Fault     message.Text `json:",omitzero"` // why it can't be read
}

// Read reads all certificates that the node has of its own, as u7s-admin. One that
// can't be read has a fault.
func Read() (all []Certificate) {
	for _, s := range sources() {
		c, err := s.read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			c.Fault = message.OfError(err)
		}
		c.Name, c.Path, c.Keeper = s.name, s.path, s.keeper
		c.Elsewhere = s.key != "" && !host.Exists(node.StatePath(s.key))
		all = append(all, c)
	}
	return all
}

func (s source) read() (c Certificate, err error) {
	data, err := host.ReadFile(node.StateTarget(s.path))
	if err == nil && strings.HasSuffix(s.path, ".conf") {
		var access kubeapi.Access
		access, err = kubeapi.ParseKubeconfig(data)
		data = access.Cert
	}
	if err != nil {
		return c, err
	}
	return Parse(data)
}

// ByName finds one of the node's certificates. found is false for one that it does
// not have.
func ByName(name string) (c Certificate, found bool) {
	for _, c := range Read() {
		if c.Name == name {
			return c, true
		}
	}
	return c, false
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
