package usernetes

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// savingFile keeps the documents of a saving until all objects of the cluster are
// written: it is what makes one change of them.
func savingFile() string { return filepath.Join(node.StateDir, "config.saving.yaml") }

// A saving is a document that the cluster kept, and the one in its place.
type saving struct{ before, after document.Document }

// save keeps the changed configuration in the cluster: all objects, or none.
func (t wanted) save(ctx context.Context) error {
	all := t.savings()
	if len(all) == 0 {
		return nil
	}
	var docs []document.Document
	for _, s := range all {
		docs = append(docs, s.before, s.after)
	}
	data, err := document.Format(docs)
	if err == nil {
		err = host.WriteFile(savingFile(), data, 0o600)
	}
	if err != nil {
		return message.Errorf("storing the cluster's configuration: %w", err)
	}
	err = t.put(ctx, all)
	if err == nil {
		return host.Remove(savingFile())
	}
	if ctx.Err() != nil {
		return err // the next run finds the file
	}
	return errors.Join(err, undoSaving(ctx))
}

// savings lists what changes in the cluster.
func (t wanted) savings() (all []saving) {
	if t.before == nil {
		return nil
	}
	for _, kind := range kubeadm.Kept() {
		if !reflect.DeepEqual(t.before[kind], t.config[kind]) {
			all = append(all, saving{t.before[kind], t.config[kind]})
		}
	}
	return all
}

// put writes them, each unless somebody else has changed it since it was read.
func (t wanted) put(ctx context.Context, all []saving) error {
	for _, s := range all {
		kind := kindOf(s.after)
		if kind == kubeadm.KindProxy {
			if err := letNodesReadProxy(ctx); err != nil {
				return err
			}
		}
		if err := t.stored[kind].Save(ctx, t.api, s.after); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(doc document.Document) string {
	kind, _ := doc["kind"].(string)
	return kind
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
	if err != nil {
		return err
	}
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	for pair := range slices.Chunk(docs, 2) {
		kind := kindOf(pair[0])
		if len(pair) != 2 || kindOf(pair[1]) != kind || !slices.Contains(kubeadm.Kept(), kind) {
			return message.Errorf("%s does not have its form", savingFile())
		}
		stored, err := kubeadm.Load(ctx, api, kind)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(stored.Document, pair[1]) || reflect.DeepEqual(pair[0], pair[1]) {
			continue
		}
		if err := stored.Save(ctx, api, pair[0]); err != nil {
			return err
		}
	}
	return nil
}
