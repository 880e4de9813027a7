package services

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/membership"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/ports"
)

// runPorts publishes ports. It is the one service of every node that asks the
// cluster all the time, so it also looks whether the machine is still a node of it.
func runPorts(ctx context.Context, n node.Node) error {
	go membership.Follow(ctx)
	return ports.Publish(ctx, n)
}
