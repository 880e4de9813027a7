package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/usernetes/guard"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// scriptletCommand is what rpm calls.
func scriptletCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "scriptlet", Usage: p.help("the scriptlets of the package, run by rpm"), ArgsUsage: "STAGE COUNT", Hidden: true,
		Action: func(c *cli.Context) error {
			name, ofPolicy := strings.CutPrefix(c.Args().Get(0), "policy-")
			stage, err := scriptlets.StageOf(name, c.Args().Get(1))
			if err != nil {
				return misuse("%w", err)
			}
			if err := requireRoot(); err != nil {
				return err
			}
			if ofPolicy {
				return runPolicyStage(c.Context, p, stage)
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
	if err := askRunning(ctx, &reloadTask, nothing{}); err != nil {
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
