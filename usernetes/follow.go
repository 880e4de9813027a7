package usernetes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os/signal"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// How long to wait after a change for more of them, and how often to look
// without one.
const (
	settle  = 200 * time.Millisecond
	lookOut = 15 * time.Second
)

// A move is what a component's service needs after a look at its manifest.
type move int

const (
	leave move = iota // the service runs what the manifest says, or was stopped by hand
	begin             // it has not run since boot
	again             // its manifest has changed
	end               // there is no manifest any more
)

// nextMove compares the digest of the manifest, "" when there is none, with
// that of the manifest which the service was last started with.
func nextMove(manifest, running string) move {
	switch {
	case manifest == running:
		return leave
	case manifest == "":
		return end
	case running == "":
		return begin
	default:
		return again
	}
}

// followManifests runs the control plane by kubeadm's manifests for as long
// as there are any: it starts and restarts the services, and keeps their
// stand-ins.
func followManifests(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	n, err := LoadNode()
	if err != nil {
		return err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching manifests: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // the process ends with it
	if err := watcher.Add(kept(manifestsDir)); err != nil {
		return fmt.Errorf("watching manifests: %w", err)
	}
	manager, err := userManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := host.Ready("following kubeadm's manifests"); err != nil {
		return err
	}
	return follow(ctx, watcher, follower{manager, n})
}

func follow(ctx context.Context, watcher *fsnotify.Watcher, f follower) error {
	for {
		left := f.sync(ctx)
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			return fmt.Errorf("watching manifests: %w", err)
		case <-watcher.Events:
			drain(ctx, watcher)
		case <-time.After(lookOut):
		}
	}
}

// drain waits until the folder has been quiet for a moment: kubeadm may
// write a manifest in pieces.
func drain(ctx context.Context, watcher *fsnotify.Watcher) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
		case <-time.After(settle):
			return
		}
	}
}

type follower struct {
	manager *host.Manager
	node    Node
}

// sync brings every service and stand-in in line with its manifest and tells
// how many manifests there are. Services begin in the order of components
// and end in reverse: an apiserver that has lost its etcd ends slowly. A
// fault with one keeps no other waiting; it is tried again at the next look.
func (f follower) sync(ctx context.Context) (left int) {
	var gone []string
	for _, name := range components() {
		m, err := readManifest(name)
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, name)
			continue
		}
		left++
		if err == nil {
			err = f.apply(ctx, name, m)
		}
		report(name, err)
	}
	for _, name := range slices.Backward(gone) {
		report(name, f.apply(ctx, name, manifest{}))
	}
	return left
}

func report(name string, err error) {
	if err != nil {
		slog.Error("manifest", "component", name, "error", err)
	}
}

func (f follower) apply(ctx context.Context, name string, m manifest) error {
	unit := units.Component(name)
	switch nextMove(m.digest, running(name)) {
	case begin:
		slog.Info("starting", "component", name, "manifest", m.digest)
		return errors.Join(f.keepStandIn(name, m), f.manager.Begin(ctx, unit))
	case again:
		slog.Info("restarting", "component", name, "manifest", m.digest)
		return errors.Join(f.keepStandIn(name, m), f.manager.BeginAgain(ctx, unit))
	case end:
		slog.Info("stopping", "component", name)
		return errors.Join(host.Remove(standInFile(name)), host.Remove(runningFile(name)), f.manager.Stop(ctx, unit))
	case leave:
	}
	return nil
}

func (f follower) keepStandIn(name string, m manifest) error {
	pause, err := f.node.pauseImage()
	if err != nil {
		return err
	}
	return writeStandIn(name, m, pause)
}
