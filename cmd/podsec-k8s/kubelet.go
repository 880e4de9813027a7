package main

import (
	"context"
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/guard"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// kubeletGuardCommand is what the system's kubelet.service runs.
func kubeletGuardCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "kubelet-guard", Usage: p.help("the program of kubelet.service, run as u7s-admin"), Hidden: true,
		Action: func(c *cli.Context) error { return guard.Guard(c.Context) },
	}
}

// kubeletEndedCommand is what kubelet.service runs when it has ended.
func kubeletEndedCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "kubelet-ended", Usage: p.help("runs as root after kubelet.service has stopped"), Hidden: true,
		Action: func(c *cli.Context) error {
			if err := requireRoot(); err != nil {
				return err
			}
			return errors.Join(tellReason(c.Context), askForReturn(c.Context, p))
		},
	}
}

// tellReason makes the status line of a kubelet.service that has failed the
// last error of the service that its guard names there: u7s-admin can't read the
// journal. Source: systemd.exec(5), "$SERVICE_RESULT".
func tellReason(ctx context.Context) error {
	if os.Getenv("SERVICE_RESULT") == "success" {
		return nil
	}
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	manager, err := host.SystemManager(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	guard, err := manager.State(ctx, units.Guard)
	if err != nil {
		return err
	}
	unit := status.UnitIn(guard.Status)
	if unit == "" {
		return nil
	}
	reason, err := host.LastUnitError(ctx, admin.UID, unit, guard.Started, true)
	if err != nil || reason == "" {
		return err
	}
	return host.Status(unit + ": " + reason + ": " + status.LogOf(unit))
}
