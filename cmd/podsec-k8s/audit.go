package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

func auditCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "audit",
		Usage: p.help("shows or changes what is written into the audit log, on a control plane"),
		Description: p.help("The log is %s on each control plane: who asked the cluster for what, when, from where, and the answer.", audit.Log) +
			p.examples("podsec-k8s audit status", "podsec-k8s audit set requests"),
		Subcommands: []*cli.Command{
			{
				Name: "set", Usage: p.help("changes it, and restarts kube-apiserver"), ArgsUsage: "MODE",
				Description: p.help("MODE:\n"+
					"  metadata  who did what, without bodies\n"+
					"  requests  and the bodies of requests that write, never of secrets\n"+
					"  off       no audit log\n"+
					"  FILE      by an audit policy of your own\n\n"+
					"The cluster's configuration is changed too, for control planes that join later. On the other control planes, run podsec-k8s audit apply. "+
					"If kube-apiserver does not start with the new setting, it gets the previous one again. Rotation is set in %s.", node.SiteDir+"/*.conf") +
					p.examples("podsec-k8s audit set requests", "podsec-k8s audit set /root/policy.yaml", "podsec-k8s audit set off"),
				Action: func(c *cli.Context) error { return setAudit(c, p) },
			},
			{
				Name: "apply", Usage: p.help("takes over the setting of the cluster, and restarts kube-apiserver"),
				Description: p.help("Run it on each other control plane after audit set.") + p.examples("podsec-k8s audit apply"),
				Action:      func(c *cli.Context) error { return changeAudit(c, p, audit.Setting{}) },
			},
			{
				Name: "status", Usage: p.help("shows what is written into it, and how large it is"),
				Description: p.help("Exit status:\n"+
					"  0  this control plane has the setting of the cluster\n"+
					"  1  it has not, or the cluster does not answer") +
					p.examples("podsec-k8s audit status", "podsec-k8s audit status -o json"),
				Flags:  []cli.Flag{outputFlag(p)},
				Action: func(c *cli.Context) error { return showAudit(c, p) },
			},
		},
	}
}

// auditTask changes the audit log of the node.
var auditTask = task[audit.Setting]{
	name: "set-audit",
	handle: func(ctx context.Context, _ *printer, s audit.Setting) error {
		return usernetes.SetAudit(ctx, s)
	},
}

// auditQuestion asks how the audit log is written.
var auditQuestion = question[nothing, usernetes.AuditState]{
	name: "audit", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (usernetes.AuditState, error) { return usernetes.AskAudit(ctx) },
	check:  usernetes.AuditState.Check,
}

// setAudit is root's part of it.
func setAudit(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	s, err := audit.SettingOf(c.Args().First(), os.ReadFile)
	if err != nil {
		return err
	}
	if s.Log, err = node.LoadAuditLog(node.SiteDir); err != nil {
		return err
	}
	return changeAudit(c, p, s)
}

// changeAudit is what audit set and apply have in common.
func changeAudit(c *cli.Context, p *printer, s audit.Setting) error {
	if _, err := askMaster(c.Context); err != nil {
		return err
	}
	return alone(c, p, func() error {
		begun := time.Now()
		p.say("Setting the audit log and restarting kube-apiserver, if needed …")
		if err := auditTask.runScoped(c.Context, s); err != nil {
			p.lastWords(c.Context, units.Component("kube-apiserver"), begun)
			return err
		}
		return sayAudit(c.Context, p, s)
	})
}

// lastWords shows the last error of a service that has not come up with new settings,
// and has the ones before again.
func (p *printer) lastWords(ctx context.Context, unit string, since time.Time) {
	admin, err := preflight.AdminUser()
	if err != nil || ctx.Err() != nil {
		return
	}
	if text, err := host.LastUnitError(ctx, admin.UID, unit, since, true); err == nil && text != "" {
		p.fault(&host.Fault{Err: message.Errorf("the last error of %s: %s", unit, text), Remedy: message.Plain(status.LogOf(unit))})
	}
}

// sayAudit says what is so now, and what is left to do.
func sayAudit(ctx context.Context, p *printer, s audit.Setting) error {
	state, err := auditQuestion.ask(ctx, nothing{})
	if err != nil {
		return err
	}
	p.audit(state.Node)
	if s.Mode != "" && len(state.Others) > 0 {
		p.say("On the other control planes, run podsec-k8s audit apply: %s", strings.Join(state.Others, ", "))
	}
	return nil
}

// audit says what is written into the log, and where.
func (p *printer) audit(a audit.Arguments) {
	switch a.Mode {
	case audit.Off:
		p.say("audit: off")
	case audit.Own:
		p.say("audit: by the policy of the site, %s", host.Printable(a.Policy))
	case audit.Other:
		p.say("audit: by arguments in the cluster's kubeadm configuration, policy %s", host.Printable(a.Policy))
	default:
		p.say("audit: %s", string(a.Mode))
	}
	if a.Log != "" {
		p.say("log: %s", host.Printable(a.Log))
	}
}

func showAudit(c *cli.Context, p *printer) error {
	if _, err := askMaster(c.Context); err != nil {
		return err
	}
	state, err := auditQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	same := state.Node == state.Cluster
	err = answer(c, p, auditOf(state), func() {
		p.audit(state.Node)
		if state.Node.Log == audit.Log {
			p.say("size: %d KiB, files: %d", (state.Bytes+1023)>>10, state.Files)
			p.say("rotation: %s MB, %s days, %s files", host.Printable(state.Node.MaxSize), host.Printable(state.Node.MaxAge), host.Printable(state.Node.Backups))
		}
		switch {
		case state.Cluster.Mode == "":
			p.say("the cluster does not answer, so its own setting is not known")
		case !same:
			p.say("the cluster has another setting, %s; to take it over: podsec-k8s audit apply", string(state.Cluster.Mode))
		}
	})
	if err == nil && !same {
		return &childStatus{exitFault}
	}
	return err
}
