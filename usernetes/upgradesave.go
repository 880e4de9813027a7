package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// objectsFile keeps, beside the files, what the cluster keeps of kubeadm's
// configuration: the data of ConfigMaps by their paths.
const objectsFile = "objects.json"

// savedFiles lists what kubeadm upgrade writes of this node, as the node sees it. Of the
// folder of certificates it is all that is there.
// Source: kubeadm's phases/upgrade/staticpods.go and postupgrade.go.
func savedFiles() (all []string, err error) {
	for _, name := range staticpod.Components() {
		all = append(all, filepath.Join(node.ManifestsDir, name+".yaml"))
	}
	all = append(all, node.AdminConf, "/etc/kubernetes/super-admin.conf", "/etc/kubernetes/controller-manager.conf", "/etc/kubernetes/scheduler.conf",
		"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env", "/var/lib/kubelet/instance-config.yaml")
	pki := node.StatePath("/etc/kubernetes/pki")
	err = filepath.WalkDir(pki, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		all = append(all, strings.TrimPrefix(path, node.StatePath("/")))
		return nil
	})
	if node.IsMissing(err) {
		err = nil // a site may have its certificates elsewhere
	}
	return all, err
}

// saveWayBack copies what the node goes back to. It is whole or not there.
func (u *upgrading) saveWayBack(ctx context.Context, w *Work) error {
	if err := u.writeWayBack(ctx, w); err != nil {
		return message.Errorf("saving what the node can go back to: %w", err)
	}
	return nil
}

func (u *upgrading) writeWayBack(ctx context.Context, w *Work) error {
	if err := errors.Join(host.RemoveAll(node.SavedDir), host.RemoveAll(upgrade.SavedDraft)); err != nil {
		return err
	}
	files, err := savedFiles()
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := copyState(node.StatePath(path), filepath.Join(upgrade.SavedDraft, path)); err != nil {
			return err
		}
	}
	if err := copyState(node.NodeFile, filepath.Join(upgrade.SavedDraft, filepath.Base(node.NodeFile))); err != nil {
		return err
	}
	if u.record.First {
		if err := saveObjects(ctx); err != nil {
			return err
		}
	}
	if err := u.saveData(ctx, w.Plan.Node); err != nil {
		return err
	}
	if err := host.SyncFileSystem(node.StateDir); err != nil {
		return err
	}
	return host.Rename(upgrade.SavedDraft, node.SavedDir)
}

// dataFile is the snapshot of etcd, beside the files.
const dataFile = "etcd.db"

// saveData saves etcd's data, where this is the only control plane and has the cluster's
// etcd.
func (u *upgrading) saveData(ctx context.Context, n node.Node) error {
	u.record.Saved = time.Time{}
	if n.APIPort == 0 || !host.Exists(staticpod.ManifestFile(staticpod.Etcd)) {
		return nil
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	others, err := otherControlPlanes(ctx, api, n)
	if err != nil || len(others) > 0 {
		return err
	}
	now := time.Now().UTC().Truncate(time.Second)
	if err := backup.SaveData(ctx, filepath.Join(upgrade.SavedDraft, dataFile)); err != nil {
		return err
	}
	u.record.Saved = now
	return nil
}

// copyState copies a file of this user's that may be missing.
func copyState(from, to string) error {
	data, err := host.ReadFile(from)
	if node.IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(host.MkdirAll(filepath.Dir(to), 0o700), host.WriteFile(to, data, 0o600))
}

func saveObjects(ctx context.Context) error {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	all := map[string]map[string]string{}
	for _, path := range kubeadm.UpgradedObjects() {
		var object struct{ Data map[string]string }
		if err := api.Get(ctx, path, &object); err != nil {
			return err
		}
		all[path] = object.Data
	}
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return host.WriteFile(filepath.Join(upgrade.SavedDraft, objectsFile), data, 0o600)
}

// putFilesBack writes what was saved in its place again.
func putFilesBack() error {
	if !host.Exists(node.SavedDir) {
		return host.NewFault("see whether the node is healthy: podsec-k8s status", "what this node could go back to is not there any more")
	}
	files, err := savedNames()
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := copyState(filepath.Join(node.SavedDir, path), node.StatePath(path)); err != nil {
			return err
		}
	}
	return nil
}

// savedNames lists the files that were saved, as the node sees them: those of the
// control plane's services last, for the services start with them.
func savedNames() (all []string, err error) {
	var manifests []string
	err = filepath.WalkDir(node.SavedDir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, node.SavedDir)
		switch {
		case err != nil || entry.IsDir() || filepath.Dir(name) == "/":
		case filepath.Dir(name) == node.ManifestsDir:
			manifests = append(manifests, name)
		default:
			all = append(all, name)
		}
		return err
	})
	return append(all, manifests...), err
}

// putObjectsBack gives the cluster back what it kept of kubeadm's configuration.
func putObjectsBack(ctx context.Context) error {
	data, err := host.ReadFile(filepath.Join(node.SavedDir, objectsFile))
	if node.IsMissing(err) {
		return nil // this node has changed none
	}
	var all map[string]map[string]string
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		return err
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	for path, object := range all {
		patch := document.Document{"data": object}
		if err := api.Send(ctx, http.MethodPatch, path, "application/merge-patch+json", patch); err != nil {
			return err
		}
	}
	return nil
}
