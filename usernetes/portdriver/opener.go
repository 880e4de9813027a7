package portdriver

import (
	"context"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// An Opener opens ports of the machine that lead into the namespaces.
type Opener interface {
	List(ctx context.Context) ([]OpenPort, error)
	Lead(p Port) string // where it would lead a port, as list says it
	OpenPort(ctx context.Context, p Port) error
	ClosePort(ctx context.Context, p OpenPort) error
}

// NewOpener returns that of the node's network mode.
func NewOpener(n node.Node) Opener {
	if n.Mode().Ports == node.ServicePorts {
		return &vethPorts{beside: New(n)}
	}
	return New(n)
}
