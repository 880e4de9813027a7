package usernetes

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// savingFile keeps the documents of a saving until both objects of the cluster are
// written: it is what makes one change of the two.
func savingFile() string { return filepath.Join(node.StateDir, "config.saving.yaml") }

// A saving is the configuration that the cluster kept, and the one in its place.
type saving struct {
	clusterBefore, cluster, kubeletBefore, kubelet document.Document
}

// save keeps the changed configuration in the cluster: both objects, or none.
func (t wanted) save(ctx context.Context) error {
	if !t.changed() {
		return nil
	}
	s := saving{t.before[kubeadm.KindCluster], t.cluster.Cluster, t.before[kubeadm.KindKubelet], t.kubelets.Kubelet}
	data, err := document.Format([]document.Document{s.clusterBefore, s.cluster, s.kubeletBefore, s.kubelet})
	if err == nil {
		err = host.WriteFile(savingFile(), data, 0o600)
	}
	if err != nil {
		return message.Errorf("storing the cluster's configuration: %w", err)
	}
	err = s.put(ctx, t.api, t.cluster, t.kubelets)
	if err == nil {
		return host.Remove(savingFile())
	}
	if ctx.Err() != nil {
		return err // the next run finds the file
	}
	return errors.Join(err, undoSaving(ctx))
}

// put writes what differs.
func (s saving) put(ctx context.Context, api *kubeapi.Client, cluster kubeadm.StoredConfig, kubelets kubeadm.StoredKubelet) error {
	if !reflect.DeepEqual(s.kubeletBefore, s.kubelet) {
		if err := kubelets.Save(ctx, api, s.kubelet); err != nil {
			return err
		}
	}
	if reflect.DeepEqual(s.clusterBefore, s.cluster) {
		return nil
	}
	return cluster.Save(ctx, api, s.cluster)
}

// undoSaving puts back what a saving that did not come to its end has written. What
// somebody else has changed since then stays.
func undoSaving(ctx context.Context) error {
	if err := host.RemoveCutWrites(savingFile()); err != nil {
		return err
	}
	data, err := host.ReadFile(savingFile())
	if node.IsMissing(err) {
		return nil
	}
	if err == nil {
		err = undo(ctx, data)
	}
	if err == nil {
		err = host.Remove(savingFile())
	}
	if err != nil {
		return message.Errorf("restoring the cluster's configuration: %w", err)
	}
	return nil
}

func undo(ctx context.Context, data []byte) error {
	docs, err := document.Parse(data)
	if err != nil || len(docs) != 4 {
		return errors.Join(err, message.Errorf("%s does not have its form", savingFile()))
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	cluster, err := kubeadm.LoadConfig(ctx, api)
	if err != nil {
		return err
	}
	kubelets, err := kubeadm.LoadKubelet(ctx, api)
	if err != nil {
		return err
	}
	back := saving{cluster.Cluster, cluster.Cluster, kubelets.Kubelet, kubelets.Kubelet}
	if reflect.DeepEqual(cluster.Cluster, docs[1]) {
		back.cluster = docs[0]
	}
	if reflect.DeepEqual(kubelets.Kubelet, docs[3]) {
		back.kubelet = docs[2]
	}
	return back.put(ctx, api, cluster, kubelets)
}
