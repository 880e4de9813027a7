package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Make writes a backup of the cluster, as u7s-admin on a control plane. Root puts
// more into it, and checks all of it.
func Make(ctx context.Context, programVersion string, to io.Writer) error {
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	small, err := collect(ctx, n)
	if err != nil {
		return err
	}
	if err := errors.Join(checkTools(), removeSnapshot()); err != nil {
		return err
	}
	defer removeSnapshot() //nolint:errcheck // the next run does it
	m := Manifest{Created: time.Now().UTC(), PodsecK8s: programVersion, Kubernetes: n.Kubernetes, Node: n.Name, Address: n.IP}
	for _, c := range small {
		if c.name == KubeadmName {
			m.Outside = outside(c.data)
		}
	}
	if m.Etcd, err = catchUp(ctx); err != nil {
		return err
	}
	status, err := takeSnapshot(ctx, snapshotFile)
	if err != nil {
		return err
	}
	m.Revision, m.Keys = status.Revision, status.Keys
	snapshot, err := os.Open(snapshotFile)
	if err != nil {
		return message.Errorf("reading the snapshot of etcd: %w", err)
	}
	defer snapshot.Close() //nolint:errcheck // opened for reading
	return write(to, m, small, snapshot)
}

// A content is a small file of a backup.
type content struct {
	name string
	data []byte
}

// Describe says what a manifest says of a file.
func Describe(name string, from io.Reader) (File, error) {
	sum := sha256.New()
	size, err := io.Copy(sum, from)
	return File{name, size, hex.EncodeToString(sum.Sum(nil))}, err
}

// write writes small files and the snapshot.
func write(to io.Writer, m Manifest, small []content, snapshot io.ReadSeeker) error {
	for _, c := range small {
		f, err := Describe(c.name, bytes.NewReader(c.data))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	f, err := Describe(Snapshot, snapshot)
	if err == nil {
		_, err = snapshot.Seek(0, io.SeekStart)
	}
	if err != nil {
		return message.Errorf("reading the snapshot of etcd: %w", err)
	}
	m.Files = append(m.Files, f)
	w, err := NewWriter(to, m)
	if err != nil {
		return err
	}
	for _, c := range small {
		if err := w.Add(c.name, bytes.NewReader(c.data)); err != nil {
			return err
		}
	}
	if err := w.Add(Snapshot, snapshot); err != nil {
		return err
	}
	return w.Close()
}

// collect reads what is small: the keys and the settings.
func collect(ctx context.Context, n node.Node) (small []content, err error) {
	api, err := kubeapi.NewClient(node.AdminConf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, node.NotMaster()
	}
	if err != nil {
		return nil, err
	}
	config, err := settings(ctx, api)
	if err != nil {
		return nil, err
	}
	own, err := json.MarshalIndent(n, "", "\t")
	if err != nil {
		return nil, message.Errorf("storing the node: %w", err)
	}
	small = []content{{NodeName, own}, {KubeadmName, config}}
	for _, name := range keys() {
		data, err := host.ReadFile(node.StatePath(pki + name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, host.NewFault("keep the keys where they are, and back them up there", "%s is not on this machine: podsec-k8s cannot back up a cluster whose keys are elsewhere", pki+name)
		}
		if err != nil {
			return nil, message.Errorf("reading the cluster's keys: %w", err)
		}
		small = append(small, content{pkiFolder + name, data})
	}
	policy, err := auditPolicy(ctx, api, config)
	if policy != nil {
		small = append(small, content{PolicyName, policy})
	}
	return small, err
}
