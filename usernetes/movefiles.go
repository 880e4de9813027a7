package usernetes

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// movedState lists the files of the node's state that name its address, beside those
// that kubeadm has written.
func movedState() []string {
	return []string{node.NodeFile, node.StepsFile, node.InitFile, node.ClusterFile}
}

// save copies what is going to be changed. What an earlier command has left half done
// is whole before. Of a cluster that answers the configuration is kept, for kubeadm
// makes the certificates by that.
func (m *moving) save(ctx context.Context, w *Work) error {
	if err := settleFiles(); err != nil {
		return err
	}
	if w.Plan.Node.APIPort != 0 {
		if _, err := readCluster(ctx); err != nil {
			return err
		}
	}
	files, err := kubeadmState()
	if err != nil {
		return err
	}
	err = moveBack().save(append(files, node.KubeletConf), func(draft string) error {
		for _, path := range movedState() {
			if err := node.CopyFile(path, filepath.Join(draft, filepath.Base(path))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return message.Errorf("saving what the node can go back to: %w", err)
	}
	return nil
}

// settleFiles makes whole what a change or a renewal that was cut has left half written.
// What runs by the files is started anew later.
func settleFiles() error {
	for _, name := range staticpod.Components() {
		if _, err := staticpod.RestoreManifest(name); err != nil {
			return err
		}
	}
	for _, c := range allConfigured() {
		if _, err := c.file.Restore(); err != nil {
			return message.Errorf("restoring the configuration of %s: %w", c.name, err)
		}
		if err := c.file.Settle(); err != nil {
			return err
		}
	}
	if !certs.Interrupted() {
		return nil
	}
	return errors.Join(certs.BeginRenewal(), certs.EndRenewal())
}

// change stops the node and writes its files anew. A run that was cut in it does all
// again, from what was saved.
func (m *moving) change(ctx context.Context, w *Work) error {
	if m.record.From != m.record.To {
		if err := stopWholeNode(ctx, w); err != nil {
			return err
		}
	}
	m.record.Stopped = time.Now().UTC()
	if err := m.changeState(w.Plan.Node); err != nil {
		return err
	}
	if err := moveBack().each(m.changeFile); err != nil {
		return err
	}
	return m.putCertificates()
}

// stopWholeNode stops all services of the node, RootlessKit last.
func stopWholeNode(ctx context.Context, w *Work) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, unit := range []string{units.Target, units.Manifests, units.RootlessKit} {
		if err := w.Manager.Stop(ctx, unit); err != nil {
			return err
		}
	}
	return nil
}

// changeFile writes one of the files that were saved, with the new address.
func (m *moving) changeFile(path string) error {
	if strings.HasPrefix(path, node.PKIDir+"/") {
		return nil
	}
	data, err := host.ReadFile(filepath.Join(node.MovedDir, path))
	if err != nil {
		return err
	}
	if path != node.KubeletConf {
		return node.WriteChanged(node.StatePath(path), m.text(data))
	}
	if data, err = m.kubeletConf(data); err != nil {
		return err
	}
	return node.WriteChanged(node.StatePath(path), data)
}

// changeState writes how the node is, and what it was made by.
func (m *moving) changeState(n node.Node) error {
	for _, path := range []string{node.InitFile, node.ClusterFile} {
		data, err := host.ReadFile(filepath.Join(node.MovedDir, filepath.Base(path)))
		if err == nil {
			err = node.WriteChanged(path, m.text(data))
		}
		if err != nil && !node.IsMissing(err) {
			return err
		}
	}
	var s steps.Steps
	data, err := host.ReadFile(filepath.Join(node.MovedDir, filepath.Base(node.StepsFile)))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return message.Errorf("reading the completed phases: %w", err)
	}
	if s.Asked != nil {
		s.Asked.NodeIP, s.Asked.Config = string(m.text([]byte(s.Asked.NodeIP))), string(m.text([]byte(s.Asked.Config)))
	}
	return errors.Join(s.Save(), n.Save())
}

// putBack writes what was saved in its place again.
func (m *moving) putBack(context.Context, *Work) error {
	if err := moveBack().putBack(); err != nil {
		return err
	}
	for _, path := range movedState() {
		data, err := host.ReadFile(filepath.Join(node.MovedDir, filepath.Base(path)))
		switch {
		case node.IsMissing(err):
			continue
		case err == nil && (path == node.NodeFile || path == node.StepsFile):
			err = node.SaveState(path, data)
		case err == nil:
			err = host.WriteFile(path, data, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return host.SyncFileSystem(node.StateDir)
}
