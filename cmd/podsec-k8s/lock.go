package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
)

// unfinishedNote is what the marker holds from before a cluster is begun until
// root's part of the command is done as well. It is empty then.
const unfinishedNote = "unfinished\n"

// hasCluster reports whether a cluster is noted.
func hasCluster() (bool, error) {
	_, err := os.Stat(marker)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, message.Errorf("checking the node: %w", err)
	}
	return err == nil, nil
}

// withMarker notes that there is a cluster before it is begun. When create
// fails before it has begun anything, the note goes again.
func withMarker(ctx context.Context, create func() error) error {
	was, err := hasCluster()
	if err != nil {
		return err
	}
	if err := host.MkdirAll(host.StateDir, 0o700); err != nil {
		return message.Errorf("recording the cluster: %w", err)
	}
	if err := removeCutWrites(); err != nil {
		return err
	}
	if err := host.WriteFile(marker, []byte(unfinishedNote), 0o600); err != nil {
		return message.Errorf("recording the cluster: %w", err)
	}
	failed := create()
	if failed == nil || was {
		return failed
	}
	state, err := stateQuestion.ask(context.WithoutCancel(ctx), nil)
	if err != nil || state.Begun {
		return failed
	}
	return errors.Join(failed, host.Remove(marker))
}

// finishedByRoot reports whether root's part of the command that made the node
// came to its end. An earlier version noted nothing.
func finishedByRoot() (bool, error) {
	data, err := os.ReadFile(marker)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, message.Errorf("reading the record of the cluster: %w", err)
	}
	return string(data) != unfinishedNote, nil
}

// noteFinished notes that nothing is left to do for root.
func noteFinished() error {
	if err := host.WriteFile(marker, nil, 0o600); err != nil {
		return message.Errorf("recording the cluster: %w", err)
	}
	return nil
}

// removeCutWrites removes what cut runs have left of writes of root's.
func removeCutWrites() error {
	return errors.Join(host.RemoveCutWrites(marker), host.RemoveCutWrites(kubeconfigNotes))
}

func stopGuard(ctx context.Context) error { return withGuard(ctx, (*host.Manager).Stop) }

// withGuard has the system's systemd do something with kubelet.service.
func withGuard(ctx context.Context, do func(*host.Manager, context.Context, string) error) error {
	return askSystem(ctx, func(m *host.Manager) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
		defer cancel()
		return do(m, ctx, units.Guard)
	})
}
