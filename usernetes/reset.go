package usernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// Reset takes the cluster away from this node: kubeadm reset while the node
// runs, then the services, then the node's state. Run again, it goes on.
// Unless force, a control plane that the others need stays.
func Reset(ctx context.Context, force bool, out io.Writer) error {
	leave := func(context.Context) error { return nil }
	n, err := LoadNode()
	careful := err == nil && !force && !firstUnfinished()
	if careful {
		may, err := mayLeave(ctx, n)
		if err != nil {
			return err
		}
		if may != nil {
			leave = may
		}
	}
	if err := resetNode(ctx, out, n, careful); err != nil {
		return err
	}
	return leave(ctx)
}

// firstUnfinished reports whether this node's cluster was begun here and never
// made to the end: then no other node is in it, and its endpoint may never have
// answered.
func firstUnfinished() bool {
	s, err := loadSteps()
	return err == nil && !s.Finished && s.Begun != phaseJoin && !slices.Contains(s.Done, phaseJoin)
}

// resetNode does it. A careful one does not begin before the cluster's etcd has
// let this node's member go.
func resetNode(ctx context.Context, out io.Writer, n Node, careful bool) error {
	manager, err := userManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	w := &Work{Manager: manager, Out: out}
	var faults []error
	if s, err := manager.State(ctx, units.RootlessKit); err == nil && s.Active == "active" && halfMade() {
		if err := leaveEtcd(ctx, n); err != nil && careful {
			return err
		}
		faults = append(faults, w.inNode(ctx, kubeadmReset()))
	}
	for _, unit := range nodeUnits() {
		faults = append(faults, manager.Stop(ctx, unit))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	return removeState(ctx)
}

// nodeUnits lists every unit of a node, those first that others need least.
func nodeUnits() []string {
	all := []string{units.Target, units.Manifests, units.Kubelet, units.KubeProxy, units.Flanneld, units.Ports}
	for _, name := range components() {
		all = append(all, units.Component(name))
	}
	return append(all, units.CRIO, units.RootlessKit)
}

// removeState deletes the state in a user namespace of its own, for images
// and volumes belong to subordinate ids.
func removeState(ctx context.Context) error {
	if !canStat(state) {
		return nil
	}
	kit := filepath.Join(runtimeDir(), "u7s/wipe")
	if err := host.MkdirAll(kit, 0o700); err != nil {
		return fmt.Errorf("removing the node's state: %w", err)
	}
	cmd := host.Command{Name: "rootlesskit", Path: "rootlesskit", Args: []string{"--state-dir=" + kit, Self, "unit", "wipe"}, Env: environment()}
	if err := cmd.Run(ctx); err != nil {
		return fmt.Errorf("removing the node's state: %w", err)
	}
	return host.RemoveAll(filepath.Join(runtimeDir(), "u7s"))
}

// wipe runs as the root of a user namespace.
func wipe() error {
	if os.Getuid() != 0 {
		return fmt.Errorf("only for the root of a user namespace")
	}
	return host.RemoveAll(state)
}
