package services

import (
	"context"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// addressTimeout is how long the machine's network may take to come up.
const addressTimeout = 30 * time.Second

// awaitAddress waits until the machine has the node's address: at boot the
// network may come up after the node.
func awaitAddress(ctx context.Context, n node.Node) error {
	return wait.Until(ctx, addressTimeout, func() error {
		if missing := node.CheckAddress(n, node.HostAddresses()); missing != nil {
			return missing
		}
		return nil
	})
}

// runRootlessKit waits a while for the machine to have the node's address,
// then runs RootlessKit.
func runRootlessKit(ctx context.Context, n node.Node) error {
	if err := awaitAddress(ctx, n); err != nil {
		return err
	}
	if err := host.MkdirAll(node.RootlessKitDir(), 0o700); err != nil {
		return message.Errorf("creating RootlessKit's state directory: %w", err)
	}
	if err := host.Remove(namespace.ChildPIDFile()); err != nil { // of a run that was killed
		return message.Errorf("creating RootlessKit's state directory: %w", err)
	}
	return namespace.RunWithPortDriver(ctx, n)
}
