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
	stored    map[string]kubeadm.Stored // by kind
	config    kubeadm.Config            // of the cluster, with the change
	before    kubeadm.Config            // the same without the change; nil where none is asked for
	manifests []staticpod.Manifest      // as kubeadm makes them; none on a worker
	kubelet   document.Document         // of this node
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
	if err := t.load(ctx); err != nil {
		return t, err
	}
	if err := t.lay(ctx, r.File); err != nil {
		return t, err
	}
	cluster := t.config[kubeadm.KindCluster]
	if t.kubelet, err = w.makeKubelet(ctx, cluster, t.config[kubeadm.KindKubelet]); err != nil || worker {
		return t, err
	}
	t.manifests, err = w.makeManifests(ctx, cluster, changeableComponents())
	return t, err
}

// documents lists the services that have their configuration in a document of their
// own, and that document.
func (t wanted) documents() []documented {
	return []documented{{configuredKubelet(), t.kubelet}, {configuredProxy(), t.config[kubeadm.KindProxy]}}
}

// load reads what the cluster keeps.
func (t *wanted) load(ctx context.Context) (err error) {
	t.stored, t.config = map[string]kubeadm.Stored{}, kubeadm.Config{}
	for _, kind := range kubeadm.Kept() {
		if t.stored[kind], err = kubeadm.Load(ctx, t.api, kind); err != nil {
			return err
		}
		t.config[kind] = t.stored[kind].Document
	}
	t.config[kubeadm.KindProxy], err = proxyConfig(t.work.Plan.Node, t.config[kubeadm.KindProxy])
	return err
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
	t.before = kubeadm.Config{}
	for kind, doc := range t.config {
		copied, err := document.Clone(doc)
		if err != nil {
			return err
		}
		t.before[kind] = copied
	}
	if err := t.config.Change(file); err != nil {
		return err
	}
	if !reflect.DeepEqual(audit.OfCluster(t.before[kubeadm.KindCluster]), audit.OfCluster(t.config[kubeadm.KindCluster])) {
		return host.NewFault("change it: podsec-k8s audit set MODE", "the arguments audit-* of kube-apiserver are not changed by this command")
	}
	return readByKubeadm(ctx, t.work.Plan.Node, t.config)
}

// readByKubeadm has kubeadm read the changed configuration, before anything is changed.
func readByKubeadm(ctx context.Context, n node.Node, config kubeadm.Config) error {
	own, err := nodeConfig(n, config[kubeadm.KindCluster])
	if err != nil {
		return err
	}
	own[kubeadm.KindKubelet], own[kubeadm.KindProxy] = config[kubeadm.KindKubelet], config[kubeadm.KindProxy]
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
