package usernetes

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// A ConfigRequest is for a node to be as its cluster's configuration says, or as that
// with a kubeadm configuration file laid over it.
type ConfigRequest struct {
	File []byte // nothing where the cluster's is not to be changed
}

// A wanted is how a node is to be configured.
type wanted struct {
	work      *Work
	api       *kubeapi.Client
	cluster   kubeadm.StoredConfig  // with the change
	kubelets  kubeadm.StoredKubelet // with the change
	before    kubeadm.Config        // of the cluster, without the change
	manifests []staticpod.Manifest  // as kubeadm makes them; none on a worker
	kubelet   document.Document     // of this node
}

// planConfig looks how this node is to be configured. Nothing is changed.
func planConfig(ctx context.Context, w *Work, r ConfigRequest) (t wanted, err error) {
	t.work = w
	kubeconfig, worker := node.AdminConf, w.Plan.Node.APIPort == 0
	if worker {
		kubeconfig = node.KubeletConf
		if len(r.File) > 0 {
			return t, host.NewFault("on a control plane, run the command with the file; then here: podsec-k8s config apply",
				"this node is not a control plane, so it cannot change the configuration of the cluster")
		}
	}
	if t.api, err = kubeapi.NewClient(kubeconfig); err != nil {
		return t, err
	}
	if t.cluster, err = kubeadm.LoadConfig(ctx, t.api); err != nil {
		return t, err
	}
	if t.kubelets, err = kubeadm.LoadKubelet(ctx, t.api); err != nil {
		return t, err
	}
	if err := t.lay(ctx, r.File); err != nil {
		return t, err
	}
	if t.kubelet, err = w.makeKubelet(ctx, t.cluster.Cluster, t.kubelets.Kubelet); err != nil || worker {
		return t, err
	}
	t.manifests, err = w.makeManifests(ctx, t.cluster.Cluster, changeableComponents())
	return t, err
}

// changeableComponents lists what kubeadm makes of a ClusterConfiguration. etcd is
// not among them: a member is made of the others as well.
func changeableComponents() []string {
	return slices.DeleteFunc(staticpod.Components(), func(name string) bool { return name == staticpod.Etcd })
}

// lay lays a file over the configuration of the cluster.
func (t *wanted) lay(ctx context.Context, file []byte) error {
	if len(file) == 0 {
		return nil
	}
	config := kubeadm.Config{kubeadm.KindCluster: t.cluster.Cluster, kubeadm.KindKubelet: t.kubelets.Kubelet}
	t.before = kubeadm.Config{}
	for kind, doc := range config {
		copied, err := document.Clone(doc)
		if err != nil {
			return err
		}
		t.before[kind] = copied
	}
	if err := config.Change(file); err != nil {
		return err
	}
	if !reflect.DeepEqual(audit.OfCluster(t.before[kubeadm.KindCluster]), audit.OfCluster(config[kubeadm.KindCluster])) {
		return host.NewFault("change it: podsec-k8s audit set MODE", "the arguments audit-* of kube-apiserver are not changed by this command")
	}
	return readByKubeadm(ctx, t.work.Plan.Node, config)
}

// changed reports whether the cluster is to have another configuration.
func (t wanted) changed() bool {
	if t.before == nil {
		return false
	}
	return !reflect.DeepEqual(t.before, kubeadm.Config{kubeadm.KindCluster: t.cluster.Cluster, kubeadm.KindKubelet: t.kubelets.Kubelet})
}

// readByKubeadm has kubeadm read the changed configuration, before anything is changed.
func readByKubeadm(ctx context.Context, n node.Node, config kubeadm.Config) error {
	own, err := nodeConfig(n, config[kubeadm.KindCluster])
	if err != nil {
		return err
	}
	own[kubeadm.KindKubelet] = config[kubeadm.KindKubelet]
	data, err := own.Bytes()
	if err != nil {
		return err
	}
	err = Plan{Config: data}.CheckConfig(ctx)
	if fault := (*host.Fault)(nil); errors.As(err, &fault) {
		return host.WithRemedy(fault.Err, "correct the file")
	}
	return err
}
