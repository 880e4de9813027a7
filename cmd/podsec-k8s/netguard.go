package main

import (
	"context"
	"os"
	"os/signal"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// netState is a file of the network mode veth, below its unit's RuntimeDirectory=.
const netState = "/run/podsec-k8s-net/link.json"

// netGuardCommand is what podsec-k8s-net.service runs, as a user of its own with
// CAP_NET_ADMIN.
func netGuardCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "net-guard", Usage: p.help("the program of podsec-k8s-net.service"), Hidden: true,
		Action: func(c *cli.Context) error {
			ctx, stop := signal.NotifyContext(c.Context, unix.SIGTERM, unix.SIGINT)
			defer stop()
			return netGuard(ctx)
		},
	}
}

// netGuard serves until it is told to end: by SIGHUP when it is going to be
// started again, as its unit says.
func netGuard(ctx context.Context) error {
	again, stop := signal.NotifyContext(ctx, unix.SIGHUP)
	defer stop()
	keep := func() bool { return again.Err() != nil && ctx.Err() == nil }
	network, err := node.SlirpCIDR(os.Getenv)
	if err != nil {
		return err
	}
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	socket, err := host.HandedSocket()
	if err != nil {
		return host.WithRemedy(err,
			"systemctl start %s", units.NetSocket)
	}
	return (&veth.Server{UID: admin.UID, Network: network, State: netState}).Serve(again, socket, keep)
}

// renewNetGuard lets another version of the program serve, where one does. The
// node keeps its network meanwhile.
func renewNetGuard(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	return askSystem(ctx, func(m *host.Manager) error { return m.TryRestart(ctx, units.NetService) })
}

// renewTimeout is for an upgrade, which is not to be held up.
const renewTimeout = 20 * time.Second

// enableVeth lets the service of the mode be started when it is asked for.
func enableVeth(ctx context.Context, p *printer) error {
	if err := scriptlets.VethPlan().Apply(ctx, localHost(p)); err != nil {
		return err
	}
	return askSystem(ctx, func(m *host.Manager) error { return m.Start(ctx, units.NetSocket) })
}
