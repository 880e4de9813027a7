package backup

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// Put gives a node that is to be made the keys and the data of a backup, which root
// has opened. kubeadm finds them where it would make its own. What an earlier run has
// put there is gone before. etcdFolder is as the node sees it.
func Put(ctx context.Context, from *os.File, n node.Node, etcdFolder string) error {
	if err := removeSnapshot(); err != nil {
		return message.Errorf("restoring the backup: %w", err)
	}
	defer removeSnapshot() //nolint:errcheck // the next run does it
	r, err := NewReader(wholeOf(from))
	if err != nil {
		return err
	}
	if err := r.Each(put); err != nil {
		return err
	}
	return RestoreData(ctx, n, snapshotFile, etcdFolder)
}

// wholeOf reads a file from its beginning, wherever it was read to.
func wholeOf(file *os.File) io.Reader {
	return io.NewSectionReader(file, 0, maxSnapshot+maxFiles*maxSmall)
}

// put writes a file to its place in the node's state.
func put(f File, content io.Reader) error {
	name, isKey := strings.CutPrefix(f.Name, pkiFolder)
	switch {
	case isKey:
		path := node.StatePath(pki + name)
		if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return message.Errorf("restoring the backup: %w", err)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		return host.WriteFile(path, data, 0o600)
	case f.Name == Snapshot:
		return host.CopyNewFile(snapshotFile, content)
	}
	return nil
}
