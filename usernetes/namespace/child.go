package namespace

import (
	"context"
	"errors"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/hostfs"
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
	merge, err := prepare(ctx, n, lost)
	if err != nil {
		return message.Errorf("preparing the namespaces: %w", errors.Join(err, context.Cause(ctx)))
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

// prepare makes RootlessKit's namespaces those of a node, and calls lost when
// their network goes away later. It waits for RootlessKit first: the port driver
// of its child opens files in /run, by their paths, while this program starts.
// Without the wait, /run could be another one between two of them.
// Source: rootlesskit's pkg/child/child.go, Child; pkg/port/builtin/child.
func prepare(ctx context.Context, n node.Node, lost func(error)) (*hostfs.Merge, error) {
	if err := awaitChildPID(ctx); err != nil {
		return nil, err
	}
	merge, err := mergeHost(ctx, n)
	if err != nil {
		return nil, err
	}
	way := &clientWay{}
	for _, step := range []func() error{
		func() error { return merge.Follow(ctx) },
		setSysctls,
		func() error { return watchTap(ctx, lost) },
		func() error { return attachUplink(ctx, n, lost) },
		func() error { return servePortChild(ctx, way, lost) },
		func() error { return addAddress(ctx, n) },
		func() error { return keepNetwork(ctx, n, way) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return merge, nil
}

// addAddress gives the namespace the node's own address, so that what runs
// in it can listen there and name it in certificates.
func addAddress(ctx context.Context, n node.Node) error {
	address := n.IP.String() + "/" + strconv.Itoa(n.IP.BitLen())
	return host.Command{Path: "ip", Args: []string{"address", "replace", address, "dev", n.Mode().Device}}.Run(ctx)
}
