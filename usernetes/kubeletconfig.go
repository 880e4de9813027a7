package usernetes

import (
	"context"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
)

// noCertificates is a folder without certificates. In that of a worker, kubeadm init
// finds an authority without its key, and asks for a control plane's certificates.
// Source: kubeadm's phases/certs, UsingExternalCA.
const noCertificates = "/nonexistent"

// makeKubelet has kubeadm make the configuration of this node's kubelet by that of the
// cluster, with what kubeadm sets for the machine and with this node's patches. It is
// the phase of a new node, that of an upgrade takes what the cluster keeps already.
func (w *Work) makeKubelet(ctx context.Context, cluster, kubelets document.Document) (document.Document, error) {
	config, err := nodeConfig(w.Plan.Node, cluster)
	if err != nil {
		return nil, err
	}
	config[kubeadm.KindKubelet] = kubelets
	if w.Plan.Node.APIPort == 0 {
		if config[kubeadm.KindCluster], err = document.Clone(cluster); err != nil {
			return nil, err
		}
		config[kubeadm.KindCluster]["certificatesDir"] = noCertificates
	}
	data, err := dryRun(ctx, config, nil, filepath.Base(services.KubeletConfig), "kubelet-start")
	var kubelet document.Document
	if err == nil {
		kubelet, err = oneDocument(data)
	}
	if err != nil {
		return nil, message.Errorf("creating the configuration of %s: %w", "kubelet", err)
	}
	return kubelet, nil
}
