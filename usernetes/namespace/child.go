package namespace

import (
	"context"
	"errors"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// errNetworkGone says that the namespaces have lost their network device:
// they are made anew then, with all in them.
var errNetworkGone = message.New("the network device does not exist any more")

// RunNamespace is the child of RootlessKit: it makes the namespaces a node,
// says that they are ready, and stays until it is told to end.
func RunNamespace(ctx context.Context) error {
	if err := insideOnly(); err != nil {
		return err
	}
	n, err := node.LoadNode()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	lost := func(err error) { end(message.Errorf("%w: %w", errNetworkGone, err)) }
	watch := func(ctx context.Context, _ node.Node) error { return watchTap(ctx, lost) }
	attach := func(ctx context.Context, n node.Node) error { return attachUplink(ctx, n, lost) }
	ports := func(ctx context.Context, n node.Node) error { return servePortChild(ctx, n, lost) }
	merge, err := mergeHost(ctx, n)
	if err != nil {
		return message.Errorf("preparing the namespaces: %w", err)
	}
	follow := func(ctx context.Context, _ node.Node) error { return merge.Follow(ctx) }
	for _, step := range []func(context.Context, node.Node) error{
		follow, setSysctls, watch, attach, ports, addAddress, keepNetwork, awaitChildPID,
	} {
		if err := step(ctx, n); err != nil {
			return message.Errorf("preparing the namespaces: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
	if err := host.Ready("the namespaces are ready"); err != nil {
		return err
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); errors.Is(cause, errNetworkGone) {
		return cause
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(endAll(ctx), endMerge(ctx, merge))
}

// addAddress gives the namespace the node's own address, so that what runs
// in it can listen there and name it in certificates.
func addAddress(ctx context.Context, n node.Node) error {
	address := n.IP.String() + "/" + strconv.Itoa(n.IP.BitLen())
	return host.Command{Path: "ip", Args: []string{"address", "replace", address, "dev", n.Mode().Device}}.Run(ctx)
}
