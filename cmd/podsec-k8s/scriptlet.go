package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/gate"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/usernetes/guard"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// scriptletCommand is what rpm calls.
func scriptletCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "scriptlet", Usage: p.help("the scriptlets of the package, run by rpm"), ArgsUsage: "STAGE COUNT", Hidden: true,
		Action: func(c *cli.Context) error {
			stage, err := scriptlets.StageOf(c.Args().Get(0), c.Args().Get(1))
			if err != nil {
				return misuse("%w", err)
			}
			if err := requireRoot(); err != nil {
				return err
			}
			return runStage(c.Context, p, stage)
		},
	}
}

func runStage(ctx context.Context, p *printer, stage scriptlets.Stage) error {
	switch stage {
	case scriptlets.Install:
		if err := applyAndTell(ctx, p); err != nil {
			return err
		}
		p.say("podsec-k8s is installed. To create a control plane: podsec-k8s-create-master")
	case scriptlets.Upgrade:
		if err := applyAndTell(ctx, p); err != nil {
			return err
		}
		reloadUserUnits(ctx, p)
		return renewNetGuard(ctx)
	case scriptlets.Erase:
		return eraseHost(ctx, p)
	case scriptlets.ReplacedBy:
		reloadUserUnits(ctx, p)
	case scriptlets.Replaced, scriptlets.Erased:
	}
	return nil
}

// reloadUserUnits lets the node's systemd see the units of another version.
// What runs goes on as it is. Root leaves it to u7s-admin, whose systemd may be
// out of order: that is worth a warning, and holds no package up.
func reloadUserUnits(ctx context.Context, p *printer) {
	if err := askToReload(ctx); err != nil {
		p.aside("podsec-k8s: warning: the node's units were not reloaded: %s; do it later: %s",
			err, "systemctl --user -M "+node.Admin+"@ daemon-reload")
	}
}

// reloadTask lets the node's systemd read its units anew. A package manager waits
// for it.
var reloadTask = task[nothing]{
	name: "reload", timeout: 10 * time.Second,
	handle: func(ctx context.Context, _ *printer, _ nothing) error { return guard.ReloadUnits(ctx) },
}

func askToReload(ctx context.Context) error {
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	if runs, err := userManagerRuns(ctx, admin); err != nil || !runs {
		return err // one that does not run reads them when it starts
	}
	c, err := nodeCall(ctx, reloadTask.name, reloadTask.timeout)
	if err != nil {
		return err
	}
	return c.Show(ctx, nothing{}, io.Discard, io.Discard)
}

// userManagerRuns asks the system's systemd, where one runs, for the user's:
// root does not look into what is the user's.
func userManagerRuns(ctx context.Context, admin gate.User) (up bool, err error) {
	err = withSystem(ctx, func(m *host.Manager) error {
		state, err := m.State(ctx, fmt.Sprintf("user@%d.service", admin.UID))
		up = state.Up()
		return err
	})
	return up, err
}

// applyAndTell is for a package manager: what is not the package's to mend is
// told, and does not fail the scriptlet.
func applyAndTell(ctx context.Context, p *printer) error {
	found, err := applyHost(ctx, p)
	p.fault(asError(found))
	if err != nil || !host.Booted() {
		return err
	}
	keepOrWarn(ctx, p)
	disabled, err := disabledGuard(ctx, localHost(p))
	if disabled != nil {
		p.fault(disabled)
	}
	return err
}

// eraseHost ends what a run that was cut has left running as u7s-admin, and
// gives the host back. It reports what could not be given back; it does not keep
// the package from going.
func eraseHost(ctx context.Context, p *printer) error {
	if host.Booted() {
		p.fault(endScope(ctx))
	}
	p.fault(host.Erase(ctx, localHost(p)))
	p.fault(endReturn(ctx))
	p.fault(dropPrograms())
	return nil
}
