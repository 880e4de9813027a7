package usernetes

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
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
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// apiServer is the name of its manifest.
const apiServer = "kube-apiserver"

// changeAPIServer changes the configuration of the cluster, and kube-apiserver of this
// node with it.
func (w *Work) changeAPIServer(ctx context.Context, api *kubeapi.Client, change func(cluster document.Document) error, ready func(context.Context) error) error {
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindCluster)
	if err != nil {
		return err
	}
	before, err := document.Clone(stored.Document)
	if err != nil {
		return err
	}
	if err := change(stored.Document); err != nil {
		return err
	}
	manifests, err := w.makeManifests(ctx, stored.Document, []string{apiServer})
	if err != nil {
		return err
	}
	return w.replaceManifests(ctx, manifests, func(ctx context.Context) error {
		if err := ready(ctx); err != nil || reflect.DeepEqual(before, stored.Document) {
			return err
		}
		return stored.Save(ctx, api, stored.Document)
	})
}

// makeManifests has kubeadm make the manifests of components by a configuration of the
// cluster. kubeadm would write them into their places in pieces, so it only shows
// what it would do: it leaves them in a folder of its own then.
// Source: kubeadm's cmd/init.go, ManifestDir; constants, TempDirForKubeadm.
func (w *Work) makeManifests(ctx context.Context, cluster document.Document, names []string) (made []staticpod.Manifest, err error) {
	config, err := nodeConfig(w.Plan.Node, cluster)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		m, err := makeManifest(ctx, config, name)
		if err != nil {
			return nil, message.Errorf("creating the manifest of %s: %w", name, err)
		}
		made = append(made, m)
	}
	return made, nil
}

// makeManifest makes one. kubeadm writes the proxies of its environment into it, which
// nothing reads there: they stay as they are.
func makeManifest(ctx context.Context, config kubeadm.Config, name string) (m staticpod.Manifest, err error) {
	own, err := staticpod.ReadManifest(name)
	if err != nil {
		return m, err
	}
	proxies, err := own.Proxies()
	if err != nil {
		return m, err
	}
	data, err := dryRun(ctx, config, proxies, name+".yaml", "control-plane", strings.TrimPrefix(name, "kube-"))
	if err != nil {
		return m, err
	}
	return staticpod.ParseManifest(name, data)
}

// dryRun returns a file that a phase of kubeadm init would write.
func dryRun(ctx context.Context, config kubeadm.Config, proxies []string, file string, phase ...string) (data []byte, err error) {
	text, err := config.Bytes()
	if err != nil {
		return nil, err
	}
	if err := removeDryRuns(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, removeDryRuns()) }()
	args := slices.Concat([]string{"init", "phase"}, phase, []string{"--config=/dev/stdin", "--dry-run"})
	cmd, err := namespace.InNode(namespace.Program{Name: "kubeadm", Args: args})
	if err != nil {
		return nil, err
	}
	cmd.Stdin, cmd.Env = bytes.NewReader(text), slices.Concat(node.WithoutProxies(cmd.Env), proxies)
	if _, err := cmd.Output(ctx); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dryRuns(), file))
	if err != nil || len(files) != 1 {
		return nil, errors.Join(err, message.New("kubeadm has made none"))
	}
	return host.ReadFile(files[0])
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

// replaceManifests runs components by other manifests, and does then what has to be so
// with them. Where one does not come up, or that fails, all have the manifests before
// again.
func (w *Work) replaceManifests(ctx context.Context, manifests []staticpod.Manifest, settle func(context.Context) error) error {
	if err := w.Manager.Start(ctx, units.Manifests); err != nil {
		return err
	}
	var replaced []staticpod.Manifest // as they were
	for _, m := range manifests {
		old, err := staticpod.ReadManifest(m.Name)
		if err == nil && old.Digest != m.Digest {
			replaced = append(replaced, old)
			err = staticpod.ReplaceManifest(m.Name, m.Data)
		}
		if err == nil {
			err = w.awaitComponent(ctx, m)
		}
		if err == nil {
			continue
		}
		if errBack := w.restoreManifests(ctx, replaced); errBack != nil || ctx.Err() != nil {
			return errors.Join(err, errBack)
		}
		return message.Errorf("%s does not run with the new settings; it has the previous ones again: %w", m.Name, err)
	}
	if err := settle(ctx); err != nil {
		return errors.Join(err, w.restoreManifests(ctx, replaced))
	}
	var faults []error
	for _, m := range replaced {
		faults = append(faults, staticpod.SettleManifest(m.Name))
	}
	return errors.Join(faults...)
}

// restoreManifests gives components their manifests of before again. A run that was
// interrupted does not wait for them.
func (w *Work) restoreManifests(ctx context.Context, replaced []staticpod.Manifest) error {
	for _, old := range replaced {
		if _, err := staticpod.RestoreManifest(old.Name); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	for _, old := range replaced {
		if err := w.awaitComponent(ctx, old); err != nil {
			return err
		}
	}
	return nil
}

// awaitComponent waits until a component runs by a manifest, and answers.
func (w *Work) awaitComponent(ctx context.Context, m staticpod.Manifest) error {
	unit := units.Component(m.Name)
	return status.UntilCrash(ctx, w.Manager, func(ctx context.Context) error {
		return wait.Until(ctx, startTimeout, func() error {
			if staticpod.RunningDigest(m.Name) != m.Digest {
				return message.Errorf("%s has not restarted within %s", m.Name, startTimeout.Truncate(time.Second))
			}
			return partAnswers(ctx, w, unit)
		})
	})
}
