package usernetes

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// objectsFile keeps, beside the files, what the cluster keeps of kubeadm's
// configuration: the data of ConfigMaps by their paths.
const objectsFile = "objects.json"

// upgradeBack is what an upgraded node goes back to.
func upgradeBack() wayBack { return wayBack{node.SavedDir} }

// saveWayBack copies what the node goes back to. It is whole or not there.
func (u *upgrading) saveWayBack(ctx context.Context, w *Work) error {
	if err := u.writeWayBack(ctx, w); err != nil {
		return message.Errorf("saving what the node can go back to: %w", err)
	}
	return nil
}

func (u *upgrading) writeWayBack(ctx context.Context, w *Work) error {
	files, err := kubeadmState()
	if err != nil {
		return err
	}
	return upgradeBack().save(files, func(draft string) error {
		if err := node.CopyFile(node.NodeFile, filepath.Join(draft, filepath.Base(node.NodeFile))); err != nil {
			return err
		}
		if u.record.First {
			if err := saveObjects(ctx, draft); err != nil {
				return err
			}
		}
		return u.saveData(ctx, w.Plan.Node, draft)
	})
}

// dataFile is the snapshot of etcd, beside the files.
const dataFile = "etcd.db"

// saveData saves etcd's data, where this is the only control plane and has the cluster's
// etcd.
func (u *upgrading) saveData(ctx context.Context, n node.Node, draft string) error {
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
	if err := backup.SaveData(ctx, filepath.Join(draft, dataFile)); err != nil {
		return err
	}
	u.record.Saved = now
	return nil
}

func saveObjects(ctx context.Context, draft string) error {
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
	return host.WriteFile(filepath.Join(draft, objectsFile), data, 0o600)
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
