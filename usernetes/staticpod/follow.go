package staticpod

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// A action is what a component's service needs after a look at its manifest.
type action int

const (
	actionNone    action = iota // the service runs what the manifest says, or was stopped by hand
	actionStart                 // it has not run since boot
	actionRestart               // its manifest has changed
	actionStop                  // there is no manifest any more
)

// nextAction compares the digest of the manifest, "" when there is none, with
// that of the manifest which the service was last started with.
func nextAction(manifest, running string) action {
	switch {
	case manifest == running:
		return actionNone
	case manifest == "":
		return actionStop
	case running == "":
		return actionStart
	default:
		return actionRestart
	}
}

// FollowManifests runs the control plane by kubeadm's manifests, and the
// administrator's own static pods: it starts and restarts the services, and
// keeps the files that the kubelet makes pods of.
func FollowManifests(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return message.Errorf("watching manifests: %w", err)
	}
	defer watcher.Close() //nolint:errcheck // the process ends with it
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	if err := host.MkdirAll(node.StatePath(node.ManifestsDir), 0o700); err != nil {
		return message.Errorf("creating the directory of manifests: %w", err)
	}
	if err := restoreManifests(); err != nil {
		return err
	}
	if err := host.Ready("following the manifests"); err != nil {
		return err
	}
	return follow(ctx, watcher, &follower{manager: manager, node: n})
}

func follow(ctx context.Context, watcher *fsnotify.Watcher, f *follower) error {
	for {
		watchFolders(watcher)
		f.sync(ctx)
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			return message.Errorf("watching manifests: %w", err)
		case <-watcher.Events:
			drain(ctx, watcher)
		case <-time.After(wait.ResyncInterval):
		}
	}
}

// watchFolders watches the folders of manifests, and the host's above its
// own: one may be made, replaced or opened at any time. What can't be watched
// is looked at all the same, now and then.
func watchFolders(watcher *fsnotify.Watcher) {
	for _, folder := range []string{node.StatePath(node.ManifestsDir), filepath.Dir(node.ManifestsDir), node.ManifestsDir} {
		if err := watcher.Add(folder); err != nil {
			slog.Debug("watching manifests", "folder", folder, "error", err)
		}
	}
}

// drain waits until the folders have been quiet for a moment: kubeadm may
// write a manifest in pieces.
func drain(ctx context.Context, watcher *fsnotify.Watcher) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-watcher.Events:
		case <-time.After(wait.Debounce):
			return
		}
	}
}

type follower struct {
	manager *host.Manager
	node    node.Node
	found   manifestFindings // of the last look
}

// sync brings every service and every file for the kubelet in line with its
// manifest. Services begin in the order of components and end in reverse: an
// apiserver that has lost its etcd ends slowly. A fault with one keeps no
// other waiting; it is tried again at the next look.
func (f *follower) sync(ctx context.Context) {
	var found manifestFindings
	var gone []string
	for _, name := range Components() {
		m, err := ReadManifest(name)
		if errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, name)
			continue
		}
		if err == nil {
			err = f.apply(ctx, name, m)
		}
		found.add(ManifestFile(name), err)
	}
	for _, name := range slices.Backward(gone) {
		found.add(ManifestFile(name), f.apply(ctx, name, Manifest{}))
	}
	syncStaticPods(&found)
	f.report(found)
}

// report logs what was not found at the last look, and leaves all for the
// status command.
func (f *follower) report(found manifestFindings) {
	for _, one := range found.Findings {
		if !slices.ContainsFunc(f.found.Findings, one.same) {
			slog.Error("manifest refused", "file", one.File, "error", one.Fault, "remedy", one.Remedy)
		}
	}
	if err := node.NoteManifests.Save(found); err != nil {
		slog.Error("noting what was found", "error", err)
	}
	f.found = found
}

func (f *follower) apply(ctx context.Context, name string, m Manifest) error {
	unit := units.Component(name)
	next := nextAction(m.Digest, RunningDigest(name))
	if next == actionStop {
		slog.Info("stopping", "component", name)
		return errors.Join(host.Remove(standInFile(name)), host.Remove(digestFile(name)), f.manager.Stop(ctx, unit))
	}
	if m.Digest == "" {
		return nil
	}
	if _, err := m.process(f.node); err != nil {
		return err
	}
	if err := f.keepStandIn(name, m); err != nil {
		return err
	}
	switch next {
	case actionStart:
		slog.Info("starting", "component", name, "manifest", m.Digest)
		return f.manager.Begin(ctx, unit)
	case actionRestart:
		slog.Info("restarting", "component", name, "manifest", m.Digest)
		return f.manager.BeginAgain(ctx, unit)
	case actionNone, actionStop:
	}
	return nil
}

func (f *follower) keepStandIn(name string, m Manifest) error {
	pause, err := f.node.PauseImage()
	if err != nil {
		return err
	}
	return writeStandIn(name, m, pause)
}
