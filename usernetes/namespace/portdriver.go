package namespace

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/rootless-containers/rootlesskit/v3/pkg/api/router"
	rkport "github.com/rootless-containers/rootlesskit/v3/pkg/port"
	"github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/child"
	keepsClients "github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/opaque"
	"github.com/rootless-containers/rootlesskit/v3/pkg/port/builtin/parent"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// RootlessKit's builtin port driver runs beside it, for it has to be of a version that
// keeps the addresses of clients, whatever RootlessKit is installed: the parent's half
// in the process that runs RootlessKit, the child's half in the one that holds the
// namespaces. In the mode veth it opens the ports that nftables does not: those lead
// to one address of the namespaces.
// Source: rootlesskit's docs/port.md and its packages pkg/port/builtin.

func portsHandover() string { return filepath.Join(portdriver.PortsDir(), "child.json") }

// RunWithPortDriver runs RootlessKit, and the parent's half, until it is told
// to end or one of them does.
func RunWithPortDriver(ctx context.Context, n node.Node) error {
	told, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	driver, err := newPortParent()
	if err != nil {
		return message.Errorf("creating the port driver: %w", err)
	}
	ctx, end := context.WithCancelCause(told)
	go func() { end(servePorts(ctx, n, driver)) }()
	p := RootlessKit(n)
	err = host.Command{Name: p.Title(), Path: p.Name, Args: p.Args, Env: Environment(), Stdout: os.Stdout, Stderr: os.Stderr}.Run(ctx)
	switch {
	case told.Err() != nil:
		return nil
	case ctx.Err() != nil:
		return message.Errorf("publishing the node's ports: %w", context.Cause(ctx))
	default:
		return err
	}
}

// newPortParent makes the parent's half and leaves word for the child's.
func newPortParent() (rkport.ParentDriver, error) {
	if err := host.RemoveAll(portdriver.PortsDir()); err != nil { // of a run before
		return nil, err
	}
	if err := host.MkdirAll(portdriver.PortsDir(), 0o700); err != nil {
		return nil, err
	}
	driver, err := parent.NewDriver(os.Stderr, portdriver.PortsDir(), true, "iptables")
	if err != nil {
		return nil, err
	}
	word, err := json.Marshal(driver.OpaqueForChild())
	if err != nil {
		return nil, err
	}
	return driver, host.WriteFile(portsHandover(), word, 0o600)
}

// servePorts waits for the child's half, publishes the node's own ports unless
// the root service does, and serves the same API for others as RootlessKit.
func servePorts(ctx context.Context, n node.Node, driver rkport.ParentDriver) error {
	ready, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- driver.RunParentDriver(ready, ctx.Done(), nil) }()
	select {
	case <-ready:
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
	if n.Mode().Ports == node.BesidePorts {
		if err := publishFixed(ctx, n, driver); err != nil {
			return err
		}
	}
	listener, err := net.Listen("unix", portdriver.PortsSocket())
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	router.AddRoutes(routes, &router.Backend{StateDir: portdriver.PortsDir(), PortDriver: driver})
	server := &http.Server{Handler: routes, ReadHeaderTimeout: kubeapi.Timeout}
	stop := context.AfterFunc(ctx, func() { server.Close() }) //nolint:errcheck // Serve tells
	defer stop()
	return server.Serve(listener)
}

// publishFixed opens the ports that are open for as long as the node runs.
func publishFixed(ctx context.Context, n node.Node, driver rkport.ParentDriver) error {
	for _, p := range portdriver.FixedPorts(n) {
		spec := rkport.Spec{Proto: p.Proto, ParentIP: n.IP.String(), ParentPort: p.Number, ChildIP: n.IP.String(), ChildPort: p.Number}
		if _, err := driver.AddPort(ctx, spec); err != nil {
			return err
		}
	}
	return nil
}

// servePortChild runs the child's half until ctx ends; without it no port
// leads anywhere, which lost is told.
func servePortChild(ctx context.Context, way *clientWay, lost func(error)) error {
	word, err := host.ReadFile(portsHandover())
	if err != nil {
		return message.Errorf("finding the port driver: %w", err)
	}
	var opaque map[string]string
	if err := json.Unmarshal(word, &opaque); err != nil {
		return message.Errorf("finding the port driver: %w", err)
	}
	if way.open(ctx); way.closed != nil {
		opaque[keepsClients.SourceIPTransparent] = "false"
	}
	// It tells of each client that it can't lead anywhere, and of what is there already.
	log := slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug).Writer()
	go func() {
		if err := child.NewDriver(log).RunChildDriver(opaque, ctx.Done(), ""); err != nil {
			lost(err)
		}
	}()
	return nil
}
