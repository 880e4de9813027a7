package namespace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// UnfitModes tells which modes this machine can't have, and why.
// Source: rootlesskit's docs/network.md.
func UnfitModes(ctx context.Context) map[string]error {
	return map[string]error{node.PastaMode: noPasta(ctx), node.VethMode: noVeth()}
}

func noPasta(ctx context.Context) error {
	if _, err := host.LookPath("pasta"); err != nil {
		return message.New("it needs the program pasta, of the package passt")
	}
	help, err := host.Command{Path: "rootlesskit", Args: []string{"--help"}}.Output(ctx)
	if err == nil && !strings.Contains(string(help), node.PastaMode) {
		err = message.New("it needs RootlessKit 2.0 or newer")
	}
	return err
}

func noVeth() error {
	if !host.Exists(veth.NFT) {
		return message.Errorf("it needs %s, of the package nftables", veth.NFT)
	}
	return nil
}

// networkArgs returns RootlessKit's arguments for the node's mode.
// Source: rootlesskit's docs/{network,port}.md.
func networkArgs(n node.Node) []string {
	args := []string{"--cidr=" + n.SlirpCIDR.String(), fmt.Sprintf("--mtu=%d", n.MTU), "--disable-host-loopback"}
	if n.Mode() == node.PastaMode {
		return append(args, "--net=pasta", "--pasta-binary="+node.LibexecDir+"/"+PastaName, "--port-driver=none") // the builtin one runs beside it
	}
	args = append(args, "--net=slirp4netns", "--slirp4netns-sandbox=auto", "--slirp4netns-seccomp=auto")
	if n.Mode() == node.VethMode {
		return append(args, "--port-driver=none") // slirp4netns is left for names alone
	}
	args = append(args, "--port-driver=builtin")
	for _, p := range portdriver.FixedPorts(n) {
		args = append(args, fmt.Sprintf("--publish=%s:%d:%s", n.IP, p.Number, p.Key()))
	}
	return args
}

// retryInterval is how often the service is asked again once it is gone.
const retryInterval = time.Second

// attachVeth gives the namespaces their device, and holds it for as long as
// they are there. When the service is started again, so is the
// connection; when it no longer knows the device, lost is told, for what was
// built on it is gone too.
func attachVeth(ctx context.Context, n node.Node, lost func(error)) error {
	if n.Mode() != node.VethMode {
		return nil
	}
	conn, err := uplink(ctx, n, false)
	if err != nil {
		return host.WithRemedy(err,
			"systemctl restart podsec-k8s-net.socket; then systemctl status podsec-k8s-net.service")
	}
	go func() {
		for ctx.Err() == nil {
			conn.Wait()
			if conn, err = returnTo(ctx, n); err != nil {
				lost(err)
				return
			}
		}
	}()
	return nil
}

// errTakenBack says that the service no longer knows the device.
var errTakenBack = message.New("podsec-k8s-net.service has taken the network device back")

// returnTo connects again to the service, which has just ended.
func returnTo(ctx context.Context, n node.Node) (conn *veth.Conn, err error) {
	for ctx.Err() == nil {
		if conn, err = uplink(ctx, n, true); err == nil || errors.Is(err, errTakenBack) {
			return conn, err
		}
		slog.Warn("podsec-k8s-net.service does not answer", "error", err)
		time.Sleep(retryInterval)
	}
	return nil, ctx.Err()
}

// uplink asks for the device and the node's own ports, and sets it up unless
// it is kept. It runs in the namespaces.
func uplink(ctx context.Context, n node.Node, keep bool) (*veth.Conn, error) {
	conn, err := veth.Dial()
	if err != nil {
		return nil, err
	}
	link, kept, err := conn.Attach(n.IP, keep)
	switch {
	case err != nil:
	case keep && !kept:
		err = errTakenBack
	case !kept:
		err = setUpUplink(ctx, link)
	}
	if err == nil {
		err = publishOwn(n, conn)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// setUpUplink gives the device its address and makes it the way out.
// Source: ip-address(8), ip-route(8).
func setUpUplink(ctx context.Context, link veth.Link) error {
	for _, args := range [][]string{
		{"address", "replace", link.Prefix(link.Peer()), "dev", veth.NodeEnd},
		{"link", "set", veth.NodeEnd, "up"},
		{"route", "replace", "default", "via", link.Gateway().String(), "dev", veth.NodeEnd},
	} {
		if err := (host.Command{Path: "ip", Args: args}).Run(ctx); err != nil {
			return err
		}
	}
	return nil
}

func publishOwn(n node.Node, conn *veth.Conn) error {
	faults, err := conn.Publish(ownVethPorts(n))
	for key, fault := range faults {
		err = errors.Join(err, message.Errorf("port %s: %s", key, fault))
	}
	return err
}

func ownVethPorts(n node.Node) (ports []veth.Port) {
	for _, p := range portdriver.FixedPorts(n) {
		if p.Number == node.VXLANPort { // the machine's own stack serves it
			continue
		}
		ports = append(ports, portdriver.VethPort(p))
	}
	return ports
}

// PastaName is the name by which RootlessKit runs pasta through this program.
const PastaName = "pasta-one-way"
