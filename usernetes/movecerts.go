package usernetes

import (
	"bytes"
	"context"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// phaseCertificates is the phase in which certificates are made.
const phaseCertificates = "certificates"

// An addressed is a certificate that names the node's address: its phase of kubeadm init
// phase certs, its file in the folder of certificates, and that of its authority, both
// without .crt and .key. Source: kubeadm's phases/certs/certlist.go.
type addressed struct{ phase, file, authority string }

// addressedCertificates lists those that this control plane has.
func addressedCertificates() []addressed {
	all := []addressed{{"apiserver", "apiserver", "ca"}}
	if host.Exists(staticpod.ManifestFile(staticpod.Etcd)) {
		all = append(all, addressed{"etcd-server", "etcd/server", "etcd/ca"}, addressed{"etcd-peer", "etcd/peer", "etcd/ca"})
	}
	return all
}

// checkAuthorities reports whether this control plane can sign its certificates.
func checkAuthorities() error {
	for _, c := range addressedCertificates() {
		if !host.Exists(node.StatePath(filepath.Join(node.PKIDir, c.authority+".key"))) {
			return host.NewFault("leave the address as it is; or create the cluster again with another one",
				"%s is not on this machine, so no certificates can be created for another address", filepath.Join(node.PKIDir, c.authority+".key"))
		}
	}
	return nil
}

// makeCertificates has kubeadm make the certificates for the new address, in a folder of
// their own. kubeadm writes files in pieces, and keeps certificates that are there.
func (m *moving) makeCertificates(ctx context.Context, w *Work) error {
	if err := host.RemoveAll(node.MovedPKI); err != nil {
		return err
	}
	config, err := m.certificateConfig(w.Plan.Node)
	if err != nil {
		return err
	}
	for _, c := range addressedCertificates() {
		for _, end := range []string{".crt", ".key"} {
			if err := node.CopyFile(node.StatePath(filepath.Join(node.PKIDir, c.authority+end)), filepath.Join(node.MovedPKI, c.authority+end)); err != nil {
				return err
			}
		}
		p := namespace.Program{Name: "kubeadm", Args: []string{"init", "phase", "certs", c.phase, "--config=/dev/stdin"}}
		cmd := host.Command{Name: p.Title(), Path: node.ProgramOf(w.Plan.Node.Kubernetes, p.Name), Args: p.Args, Env: namespace.Environment(), Stdin: bytes.NewReader(config)}
		if _, err := cmd.Output(ctx); err != nil {
			return message.Errorf("creating the certificate %s: %w", c.phase, err)
		}
	}
	return nil
}

// certificateConfig is kubeadm's configuration for them: the cluster's, as it was read
// last, with the new address.
func (m *moving) certificateConfig(n node.Node) ([]byte, error) {
	config, err := ownConfig(n)
	if err != nil {
		return nil, err
	}
	docs, err := document.Parse(m.text(config))
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if doc["kind"] == kubeadm.KindCluster {
			doc["certificatesDir"] = node.MovedPKI
		}
	}
	return document.Format(docs)
}

// putCertificates puts those that were made in their places. A worker has none.
func (m *moving) putCertificates() error {
	if !m.has(phaseCertificates) {
		return nil
	}
	for _, c := range addressedCertificates() {
		for _, end := range []string{".crt", ".key"} {
			data, err := host.ReadFile(filepath.Join(node.MovedPKI, c.file+end))
			if err == nil {
				err = host.WriteFile(node.StatePath(filepath.Join(node.PKIDir, c.file+end)), data, 0o600)
			}
			if err != nil {
				return message.Errorf("replacing a certificate: %w", err)
			}
		}
	}
	return nil
}
