package usernetes

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// apiServer is the name of its manifest.
const apiServer = "kube-apiserver"

// changeAPIServer changes the configuration of the cluster, and kube-apiserver of this
// node with it: first the service, as it may not run by the new configuration, and
// then the one that the cluster keeps for all others. In between, ready does what has
// to be there before others read it.
func (w *Work) changeAPIServer(ctx context.Context, api *kubeapi.Client, change func(cluster document.Document) error, ready func(context.Context) error) error {
	stored, err := kubeadm.LoadConfig(ctx, api)
	if err != nil {
		return err
	}
	before, err := document.Format([]document.Document{stored.Cluster})
	if err != nil {
		return err
	}
	if err := change(stored.Cluster); err != nil {
		return err
	}
	manifest, err := w.apiServerManifest(ctx, stored.Cluster)
	if err != nil {
		return err
	}
	if err := w.replaceAPIServer(ctx, manifest); err != nil {
		return err
	}
	if err := ready(ctx); err != nil {
		return err
	}
	old, err := document.Parse(before)
	if err != nil || reflect.DeepEqual(old, []document.Document{stored.Cluster}) {
		return err
	}
	return stored.Save(ctx, api, stored.Cluster)
}

// apiServerManifest has kubeadm make the manifest of kube-apiserver by a configuration
// of the cluster. kubeadm would write it into its place in pieces, so it only shows
// what it would do: it leaves the manifest in a folder of its own then.
// Source: kubeadm's cmd/init.go, ManifestDir; constants, TempDirForKubeadm.
func (w *Work) apiServerManifest(ctx context.Context, cluster document.Document) ([]byte, error) {
	config, err := apiServerConfig(w.Plan.Node, cluster)
	if err != nil {
		return nil, err
	}
	if err := removeDryRuns(); err != nil {
		return nil, err
	}
	cmd, err := namespace.InNode(namespace.Program{Name: "kubeadm", Args: []string{"init", "phase", "control-plane", "apiserver", "--config=/dev/stdin", "--dry-run"}})
	if err != nil {
		return nil, err
	}
	cmd.Stdin = bytes.NewReader(config)
	if _, err := cmd.Output(ctx); err != nil {
		return nil, errors.Join(message.Errorf("creating the manifest of %s: %w", apiServer, err), removeDryRuns())
	}
	made, err := filepath.Glob(filepath.Join(dryRuns(), apiServer+".yaml"))
	if err == nil && len(made) != 1 {
		err = message.New("kubeadm has made none")
	}
	var manifest []byte
	if err == nil {
		manifest, err = host.ReadFile(made[0])
	}
	if err == nil {
		_, err = staticpod.ParseManifest(apiServer, manifest)
	}
	if err != nil {
		err = message.Errorf("creating the manifest of %s: %w", apiServer, err)
	}
	return manifest, errors.Join(err, removeDryRuns())
}

func dryRuns() string { return node.StatePath("/etc/kubernetes/tmp/kubeadm-init-dryrun*") }

func removeDryRuns() error {
	folders, err := filepath.Glob(dryRuns())
	faults := []error{err}
	for _, folder := range folders {
		faults = append(faults, host.RemoveAll(folder))
	}
	return errors.Join(faults...)
}

// apiServerConfig is what kubeadm makes this node's kube-apiserver of: the cluster's
// configuration, and what is this node's own, with the patches that it was made with.
func apiServerConfig(n node.Node, cluster document.Document) ([]byte, error) {
	own := document.Document{
		"apiVersion": cluster["apiVersion"], "kind": kubeadm.KindInit,
		"localAPIEndpoint": document.Document{"advertiseAddress": n.IP.String(), "bindPort": n.APIPort},
		"nodeRegistration": document.Document{"name": n.Name, "criSocket": "unix://" + node.CRIOSocket},
	}
	s, err := steps.LoadSteps()
	if err != nil {
		return nil, err
	}
	asked, _ := s.AskedFor()
	docs, err := document.Parse([]byte(asked.Config))
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if patches := doc["patches"]; patches != nil && (doc["kind"] == kubeadm.KindInit || doc["kind"] == kubeadm.KindJoin) {
			own["patches"] = patches
		}
	}
	return kubeadm.Config{kubeadm.KindInit: own, kubeadm.KindCluster: cluster}.Bytes()
}

// replaceAPIServer runs kube-apiserver by another manifest, or, where it does not come
// up, by the one before again.
func (w *Work) replaceAPIServer(ctx context.Context, manifest []byte) error {
	m, err := staticpod.ParseManifest(apiServer, manifest)
	if err != nil {
		return err
	}
	old, err := staticpod.ReadManifest(apiServer)
	if err != nil {
		return err
	}
	if err := w.Manager.Start(ctx, units.Manifests); err != nil {
		return err
	}
	if old.Digest == m.Digest {
		return w.awaitAPIServer(ctx, m.Digest)
	}
	if err := staticpod.ReplaceManifest(apiServer, manifest); err != nil {
		return err
	}
	if err = w.awaitAPIServer(ctx, m.Digest); err == nil {
		return staticpod.SettleManifest(apiServer)
	}
	if _, errBack := staticpod.RestoreManifest(apiServer); errBack != nil || ctx.Err() != nil {
		return errors.Join(err, errBack)
	}
	if errBack := w.awaitAPIServer(ctx, old.Digest); errBack != nil {
		return errors.Join(err, errBack)
	}
	return message.Errorf("%s does not run with the new settings; it has the previous ones again: %w", apiServer, err)
}

// awaitAPIServer waits until kube-apiserver runs by a manifest, and answers: its unit
// is active then, and not before.
func (w *Work) awaitAPIServer(ctx context.Context, digest string) error {
	unit := units.Component(apiServer)
	return status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error {
		return wait.Until(ctx, startTimeout, func() error {
			s, err := w.Manager.State(ctx, unit)
			if err != nil {
				return err
			}
			if s.Active != "active" || staticpod.RunningDigest(apiServer) != digest {
				return message.Errorf("%s has not restarted within %s", apiServer, startTimeout.Truncate(time.Second))
			}
			return nil
		})
	})
}
