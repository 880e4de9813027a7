package usernetes

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// EnforcePolicies starts what enforces NetworkPolicies on a node that runs, or starts it
// again. It does not wait for it: the status command shows how it is.
func EnforcePolicies(ctx context.Context) error {
	return inRunningNode(ctx, func(m *host.Manager) error { return m.BeginAgain(ctx, units.Policy) })
}

// DropPolicies stops it, and takes its rules away. A node that does not run has none.
func DropPolicies(ctx context.Context) error {
	return inRunningNode(ctx, func(m *host.Manager) error {
		if err := m.Stop(ctx, units.Policy); err != nil {
			return err
		}
		cmd, err := namespace.InNode(namespace.Program{Name: node.Self, Args: []string{"unit", "clear-policies"}})
		if err != nil {
			return err
		}
		return cmd.Run(ctx)
	})
}

// inRunningNode does something where the node's namespaces are.
func inRunningNode(ctx context.Context, do func(*host.Manager) error) error {
	manager, err := node.UserManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	state, err := manager.State(ctx, units.RootlessKit)
	if err != nil || !state.Up() {
		return err
	}
	return do(manager)
}
