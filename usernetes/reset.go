package usernetes

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/etcd"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// A ResetRequest says how a node is taken away.
type ResetRequest struct {
	Force     bool // the others are not asked whether they can do without it
	Leave     bool `json:",omitempty"` // a cluster that has other control planes
	KeepState bool `json:",omitempty"` // its state goes in another run
}

// Reset takes the cluster away from this node: kubeadm reset while the node
// runs, then the services, then the node's state. Run again, it goes on.
// Unless forced, a control plane that the others need stays.
func Reset(ctx context.Context, r ResetRequest, out io.Writer) error {
	n, missing := node.LoadNode()
	s, err := steps.LoadSteps()
	careful := missing == nil && !r.Force && !s.UnfinishedFirst(err) && steps.Removed() == nil
	leave := func(context.Context) error { return nil }
	if careful {
		if leave, err = etcd.Leaver(ctx, s, n, r.Leave); err != nil {
			return err
		}
	}
	if err := resetNode(ctx, out, n, careful && !s.Resetting); err != nil {
		return err
	}
	left := leave(ctx)
	if ctx.Err() != nil || r.KeepState { // the next run does the rest
		return left
	}
	return errors.Join(left, removeState(ctx, node.StateDir, node.GoneStateDir), removeRuntime())
}

// resetNode does it. A careful one does not begin before the cluster's etcd has
// let this node's member go.
func resetNode(ctx context.Context, out io.Writer, n node.Node, careful bool) error {
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	w := &Work{Manager: manager, Out: out}
	var faults []error
	if s, err := manager.State(ctx, units.RootlessKit); err == nil && s.Active == "active" && steps.HalfMade() {
		if err := etcd.LeaveEtcd(ctx, n); err != nil && careful {
			return err
		}
		if err := noteResetting(); err != nil {
			return err
		}
		faults = append(faults, undoKubeadm(ctx, w))
	}
	if err := noteResetting(); err != nil {
		return err
	}
	for _, unit := range nodeUnits() {
		faults = append(faults, manager.Stop(ctx, unit))
	}
	return errors.Join(faults...)
}

// noteResetting notes that there is no way back.
func noteResetting() error {
	if !host.Exists(node.NodeFile) {
		return nil
	}
	s, err := steps.LoadSteps()
	if err != nil {
		s = steps.Steps{} // what was done before is of no interest any more
	}
	if s.Resetting {
		return nil
	}
	s.Resetting = true
	return s.Save()
}

// nodeUnits lists every unit of a node, those first that others need least. What
// follows the manifests comes before the services that it would start again.
func nodeUnits() []string {
	all := []string{units.Target, units.Manifests}
	for _, s := range slices.Backward(services.All()) {
		if s.Unit != units.Manifests {
			all = append(all, s.Unit)
		}
	}
	return all
}

// removeState deletes folders of state in a user namespace of its own, for
// images and volumes belong to subordinate ids. The node's own is renamed first:
// what is half deleted is no node any more.
func removeState(ctx context.Context, folders ...string) error {
	for _, folder := range slices.Backward(folders) {
		if !host.Exists(folder) {
			continue
		}
		if folder != node.GoneStateDir {
			if err := host.Rename(folder, node.GoneStateDir); err != nil {
				return message.Errorf("deleting the node's state: %w", err)
			}
		}
		if err := wipeGone(ctx); err != nil {
			return message.Errorf("deleting the node's state: %w", err)
		}
	}
	return nil
}

// wipeKit is where RootlessKit is while the state is deleted.
func wipeKit() string { return filepath.Join(node.OwnRuntimeDir(), "u7s-wipe") }

// wipeGone deletes what removeState has renamed.
func wipeGone(ctx context.Context) error {
	kit := wipeKit()
	if err := host.RemoveAll(kit); err != nil { // of a run that was cut
		return err
	}
	if err := host.MkdirAll(kit, 0o700); err != nil {
		return err
	}
	cmd := host.Command{Name: "rootlesskit", Path: "rootlesskit", Args: []string{"--state-dir=" + kit, node.Self, "unit", "wipe"}, Env: namespace.Environment()}
	if err := cmd.Run(ctx); err != nil {
		return err
	}
	return host.RemoveAll(kit)
}

// removeRuntime deletes what the node has in memory, and what a run has that was cut
// just after it had deleted the state.
func removeRuntime() error {
	for _, folder := range []string{filepath.Join(node.OwnRuntimeDir(), "u7s"), wipeKit()} {
		if err := host.RemoveAll(folder); err != nil {
			return message.Errorf("deleting the node's state: %w", err)
		}
	}
	return nil
}

// wipe runs as the root of a user namespace.
func wipe() error {
	if os.Getuid() != 0 {
		return message.Errorf("only for the root of a user namespace")
	}
	return host.RemoveAll(node.GoneStateDir)
}
