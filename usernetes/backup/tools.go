package backup

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// snapshotFile is where the snapshot is while it is made, or restored.
const snapshotFile = node.StateDir + "/backup.db"

// removeSnapshot deletes it, and what a run that was cut has left of it.
// Source: etcd's etcdutl/snapshot: it writes FILE.part.
func removeSnapshot() error {
	if err := host.Remove(snapshotFile + ".part"); err != nil {
		return err
	}
	return host.Remove(snapshotFile)
}

// inNode runs one of etcd's tools in the node.
func inNode(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd, err := namespace.InNode(namespace.Program{Name: name, Args: args})
	if err != nil {
		return nil, err
	}
	return cmd.Output(ctx)
}

// offlineTool returns the tool that works on files. Before etcd 3.5 it was the other
// one. Source: etcd's CHANGELOG-3.5, CHANGELOG-3.6.
func offlineTool() string {
	if _, err := host.LookPath("etcdutl"); err != nil {
		return "etcdctl"
	}
	return "etcdutl"
}

// checkTools reports whether the tools are there.
func checkTools() error {
	if _, err := host.LookPath("etcdctl"); err != nil {
		return host.WithRemedy(err, "install the package that has etcdctl: apt-get install etcd")
	}
	return nil
}

// A snapshotStatus is what etcd's tool finds in a snapshot.
type snapshotStatus struct {
	Revision int64 `json:"revision"`
	Keys     int64 `json:"totalKey"`
}

// AskEtcd runs etcdctl on this machine's etcd, by the certificate that kubeadm has made for
// looking after its health.
func AskEtcd(ctx context.Context, args ...string) ([]byte, error) {
	const folder = pki + "etcd/"
	return inNode(ctx, "etcdctl", append(args,
		"--endpoints=https://127.0.0.1:2379", "--cacert="+folder+"ca.crt", "--cert="+folder+"healthcheck-client.crt", "--key="+folder+"healthcheck-client.key")...)
}

// catchUp waits until this machine's etcd has all that the cluster's etcd has
// acknowledged so far, and returns its version: a member may be behind the others, and
// a snapshot has what that member has. Source: etcd's "API guarantees", linearizable
// reads.
func catchUp(ctx context.Context) (version string, err error) {
	if _, err := AskEtcd(ctx, "get", "/", "--consistency=l", "--keys-only"); err != nil {
		return "", host.WithRemedy(message.Errorf("querying etcd: %w", err), "find out why etcd does not answer: journalctl _SYSTEMD_USER_UNIT=u7s-etcd.service")
	}
	out, err := AskEtcd(ctx, "endpoint", "status", "--write-out=json")
	var answer []struct{ Status struct{ Version string } }
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil || len(answer) != 1 {
		return "", message.Errorf("querying etcd: %w", errors.Join(err, errAnswer))
	}
	return answer[0].Status.Version, nil
}

var errAnswer = message.New("the answer has not the status of one member")

// SaveData takes a snapshot of this machine's etcd, with all that the cluster has
// acknowledged so far. What an earlier run has left of it is gone before.
func SaveData(ctx context.Context, file string) error {
	if err := errors.Join(checkTools(), host.Remove(file+".part"), host.Remove(file)); err != nil {
		return err
	}
	if _, err := catchUp(ctx); err != nil {
		return err
	}
	_, err := takeSnapshot(ctx, file)
	return err
}

// takeSnapshot has etcd's own tool take a snapshot of this machine's etcd, and look
// whether it is whole.
func takeSnapshot(ctx context.Context, file string) (s snapshotStatus, err error) {
	if _, err := AskEtcd(ctx, "snapshot", "save", file); err != nil {
		return s, message.Errorf("taking the snapshot of etcd: %w", err)
	}
	out, err := inNode(ctx, offlineTool(), "snapshot", "status", file, "--write-out=json")
	if err == nil {
		err = json.Unmarshal(out, &s)
	}
	if err != nil {
		return s, message.Errorf("checking the snapshot of etcd: %w", err)
	}
	return s, nil
}

// RestoreData makes the data of a new etcd of one member of a snapshot. Where
// the tool can, revisions go on far behind the lost ones: what watches the cluster
// from before has to look anew.
// Source: etcd's "Disaster recovery", "Restoring with revision bump".
func RestoreData(ctx context.Context, n node.Node, file, folder string) error {
	tool := offlineTool()
	peer := n.PeerURL()
	args := []string{
		"snapshot", "restore", file, "--data-dir=" + filepath.Clean(folder), "--name=" + n.Name,
		"--initial-cluster=" + n.Name + "=" + peer, "--initial-advertise-peer-urls=" + peer,
	}
	help, err := inNode(ctx, tool, "snapshot", "restore", "--help")
	if err != nil {
		return message.Errorf("restoring the data of etcd: %w", err)
	}
	if strings.Contains(string(help), "--bump-revision") {
		args = append(args, "--bump-revision=1000000000", "--mark-compacted")
	}
	if _, err := inNode(ctx, tool, args...); err != nil {
		return message.Errorf("restoring the data of etcd: %w", err)
	}
	return nil
}
