package usernetes

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// kubeletFile is the kubelet's configuration, and kubeletBefore keeps the one that
// another was put in the place of, until the kubelet runs by it.
func kubeletFile() string { return node.StatePath(services.KubeletConfig) }

func kubeletBefore() string { return filepath.Join(node.StateDir, "kubelet.before.yaml") }

// readKubelet reads the configuration that this kubelet has.
func readKubelet() (document.Document, error) {
	data, err := host.ReadFile(kubeletFile())
	if err != nil {
		return nil, message.Errorf("reading the kubelet's configuration: %w", err)
	}
	kubelet, err := oneDocument(data)
	if err != nil {
		return nil, message.Errorf("reading the kubelet's configuration: %w", err)
	}
	return kubelet, nil
}

func oneDocument(data []byte) (document.Document, error) {
	docs, err := document.Parse(data)
	if err == nil && len(docs) != 1 {
		err = message.New("it is not one document")
	}
	if err != nil {
		return nil, err
	}
	return docs[0], nil
}

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
		return nil, message.Errorf("creating the kubelet's configuration: %w", err)
	}
	return kubelet, nil
}

// replaceKubelet runs the kubelet by another configuration, and does then what has to
// be so with it. Where it does not come up, or that fails, it has the one before again.
func (w *Work) replaceKubelet(ctx context.Context, kubelet document.Document, settle func(context.Context) error) error {
	own, err := readKubelet()
	if err != nil {
		return err
	}
	if reflect.DeepEqual(own, kubelet) {
		return settle(ctx)
	}
	data, err := document.Format([]document.Document{kubelet})
	if err != nil {
		return err
	}
	before, err := host.ReadFile(kubeletFile())
	if err == nil {
		err = host.WriteFile(kubeletBefore(), before, 0o600)
	}
	if err == nil {
		err = host.WriteFile(kubeletFile(), data, 0o600)
	}
	if err != nil {
		return message.Errorf("replacing the kubelet's configuration: %w", err)
	}
	if err = w.restartKubelet(ctx); err != nil {
		err = message.Errorf("%s does not run with the new settings; it has the previous ones again: %w", "kubelet", err)
	} else {
		err = settle(ctx)
	}
	if err == nil {
		return host.Remove(kubeletBefore())
	}
	return errors.Join(err, w.restoreKubelet(ctx))
}

// restoreKubelet gives the kubelet the configuration that was replaced and not settled.
func (w *Work) restoreKubelet(ctx context.Context) error {
	if err := host.RemoveCutWrites(kubeletBefore()); err != nil {
		return err
	}
	before, err := host.ReadFile(kubeletBefore())
	if node.IsMissing(err) {
		return nil
	}
	if err == nil {
		err = host.WriteFile(kubeletFile(), before, 0o600)
	}
	if err != nil {
		return message.Errorf("restoring the kubelet's configuration: %w", err)
	}
	if ctx.Err() != nil {
		return nil // the next run finds the copy, and restarts the kubelet
	}
	if err := w.restartKubelet(ctx); err != nil {
		return err
	}
	return host.Remove(kubeletBefore())
}

// restartKubelet restarts it, and waits until it answers. Pods keep running.
func (w *Work) restartKubelet(ctx context.Context) error {
	return status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error {
		return awaitPart(ctx, w, units.Kubelet, w.Manager.Restart)
	})
}
