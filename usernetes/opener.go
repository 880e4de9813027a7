package usernetes

import "context"

// A portOpener opens ports of the machine that lead into the namespaces.
type portOpener interface {
	list(ctx context.Context) ([]openPort, error)
	lead(p port) string // where it would lead a port, as list says it
	openPort(ctx context.Context, p port) error
	closePort(ctx context.Context, p openPort) error
}

// newPortOpener gives that of the node's network mode.
func newPortOpener(n Node) portOpener {
	if n.mode() == VethMode {
		return &vethPorts{beside: newPortDriver(n)}
	}
	return newPortDriver(n)
}
