package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

const (
	runFolder   = "/run/podsec-k8s"
	lockFile    = runFolder + "/lock"
	stateFolder = "/var/lib/podsec-k8s"
	marker      = stateFolder + "/cluster" // says to erase that the home holds a cluster
	guardUnit   = "kubelet.service"
)

// lockNode makes sure that one run at a time changes the node.
// Source: flock(2).
func lockNode() (unlock func(), err error) {
	if err := host.MkdirAll(runFolder, 0o700); err != nil {
		return nil, fmt.Errorf("locking the node: %w", err)
	}
	file, err := host.Lock(lockFile)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, &host.Fault{Err: errLocked, Remedy: "wait until it has ended: fuser -v " + lockFile}
	}
	if err != nil {
		return nil, fmt.Errorf("locking the node: %w", err)
	}
	return func() { file.Close() }, nil //nolint:errcheck // closing gives the lock back
}

// withMarker notes that there is a cluster before it is begun. When create
// fails before it has begun anything, the note goes again.
func withMarker(ctx context.Context, create func() error) error {
	_, err := os.Stat(marker)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err := host.MkdirAll(stateFolder, 0o700); err != nil {
		return fmt.Errorf("noting the cluster: %w", err)
	}
	if err := host.WriteFile(marker, nil, 0o600); err != nil {
		return fmt.Errorf("noting the cluster: %w", err)
	}
	failed := create()
	if failed == nil || !fresh {
		return failed
	}
	var state nodeState
	if err := askAdmin(ctx, nil, &state, "node", "status"); err != nil || state.Begun {
		return failed
	}
	return errors.Join(failed, host.Remove(marker))
}

func stopGuard(ctx context.Context) error { return withGuard(ctx, (*host.Manager).Stop) }

// withGuard has the system's systemd do something with kubelet.service.
func withGuard(ctx context.Context, do func(*host.Manager, context.Context, string) error) error {
	manager, err := host.SystemManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	return do(manager, ctx, guardUnit)
}
