package namespace

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// retryInterval is how often the service is asked again once it is gone.
const retryInterval = time.Second

// attachUplink gives the namespaces the device that the root service makes, in
// a mode that has one, and holds it for as long as they are there. When the service is started again, so is the
// connection; when it no longer knows the device, lost is told, for what was
// built on it is gone too.
func attachUplink(ctx context.Context, n node.Node, lost func(error)) error {
	if !n.Mode().RootService {
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
var errTakenBack = message.New("podsec-k8s-net.service has removed the network device")

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
