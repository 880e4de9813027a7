package usernetes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/signal"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
)

// rootlessKit gives the command line that makes the node's namespaces and
// runs this program's namespace child in them.
// Source: rootlesskit's docs/process.md.
func rootlessKit(n Node) Program {
	args := []string{
		"--state-dir=" + rootlessKitDir(),
		"--copy-up=/etc", // it writes resolv.conf and hosts there
		"--cgroupns", "--ipcns", "--utsns", "--pidns", "--evacuate-cgroup2=u7s",
		"--propagation=rslave",
	}
	args = append(args, networkArgs(n)...)
	return Program{Name: "rootlesskit", Args: append(args, Self, "unit", "namespace")}
}

// A publishedPort is a port of the node's address that leads into the
// namespaces.
type publishedPort struct {
	bind  string // address and port, as RootlessKit writes them
	port  int
	proto string
}

func (p publishedPort) String() string { return fmt.Sprintf("%s:%d/%s", p.bind, p.port, p.proto) }

func published(n Node) []publishedPort {
	on := func(port int, proto string) publishedPort {
		return publishedPort{fmt.Sprintf("%s:%d", n.IP, port), port, proto}
	}
	ports := []publishedPort{on(kubeletPort, "tcp"), on(vxlanPort, "udp")}
	if n.APIPort != 0 {
		ports = append(ports, on(n.APIPort, "tcp"))
	}
	if n.EtcdPeers {
		ports = append(ports, on(etcdPort, "tcp"), on(peerPort, "tcp"))
	}
	return ports
}

// errNetworkGone says that the namespaces have lost their network device:
// they are made anew then, with all in them.
var errNetworkGone = errors.New("the network device is gone")

// RunNamespace is the child of RootlessKit: it makes the namespaces a node,
// says that they are ready, and stays until it is told to end.
func RunNamespace(ctx context.Context) error {
	if err := insideOnly(); err != nil {
		return err
	}
	n, err := LoadNode()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	lost := func(err error) { end(fmt.Errorf("%w: %w", errNetworkGone, err)) }
	watch := func(ctx context.Context, _ Node) error { return watchTap(ctx, lost) }
	attach := func(ctx context.Context, n Node) error { return attachVeth(ctx, n, lost) }
	ports := func(ctx context.Context, n Node) error { return servePortChild(ctx, n, lost) }
	merge, err := mergeHost(ctx, n)
	if err != nil {
		return fmt.Errorf("preparing the namespaces: %w", err)
	}
	follow := func(ctx context.Context, _ Node) error { return merge.Follow(ctx) }
	for _, step := range []func(context.Context, Node) error{
		follow, setSysctls, watch, attach, ports, addAddress, keepNetwork, awaitChildPID,
	} {
		if err := step(ctx, n); err != nil {
			return fmt.Errorf("preparing the namespaces: %w", errors.Join(err, context.Cause(ctx)))
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

// setSysctls sets what pods need of their node, in the network namespace.
// Of the bridge's there are none when the host has no br_netfilter.
func setSysctls(_ context.Context, _ Node) error {
	for _, path := range nodeSysctls() {
		err := host.SetKernelValue(path, "1")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func nodeSysctls() []string {
	return []string{
		"/proc/sys/net/ipv4/ip_forward",
		"/proc/sys/net/bridge/bridge-nf-call-iptables",
		"/proc/sys/net/bridge/bridge-nf-call-ip6tables",
	}
}

// addAddress gives the namespace the node's own address, so that what runs
// in it can listen there and name it in certificates.
func addAddress(ctx context.Context, n Node) error {
	address := n.IP.String() + "/" + strconv.Itoa(n.IP.BitLen())
	return host.Command{Path: "ip", Args: []string{"address", "replace", address, "dev", n.device()}}.Run(ctx)
}

// childPIDFile names the process that holds the namespaces. Source: the state
// folder in rootlesskit's docs/process.md.
func childPIDFile() string { return filepath.Join(rootlessKitDir(), "child_pid") }

// childPIDTimeout is how long RootlessKit may take to write that file.
const childPIDTimeout = 20 * time.Second

// awaitChildPID waits until RootlessKit has written which process holds the
// namespaces. It does so after it has let that process go on: on a busy
// machine other services would look for it too early.
// Source: rootlesskit's pkg/parent/parent.go, Parent.
func awaitChildPID(ctx context.Context, _ Node) error {
	return within(ctx, childPIDTimeout, func() error {
		data, err := host.ReadFile(childPIDFile())
		if err == nil && len(data) == 0 {
			err = errors.New("it is empty")
		}
		if err != nil {
			return fmt.Errorf("waiting for RootlessKit's file of the child: %w", err)
		}
		return nil
	})
}

// childPID reads which process holds the namespaces.
func childPID() (int, error) {
	data, err := host.ReadFile(childPIDFile())
	switch {
	case err == nil:
	case !canStat(nodeFile):
		return 0, fault("make one: podsec-k8s-create-master or podsec-k8s join", "there is no node on this machine yet")
	default:
		return 0, &host.Fault{
			Err:    fmt.Errorf("finding the node's namespaces: %w", err),
			Remedy: startRemedy(guardRuns()),
		}
	}
	return strconv.Atoi(string(data))
}
