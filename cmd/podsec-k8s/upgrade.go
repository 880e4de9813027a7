package main

import (
	"github.com/urfave/cli/v2"
)

func upgradeCommand(p *printer) *cli.Command {
	archives := &cli.StringSliceFlag{Name: "image-archive", Usage: p.help("docker archive `FILE` to load instead of pulling")}
	yes := &cli.BoolFlag{Name: "yes", Usage: p.help("do not ask")}
	drain := &cli.BoolFlag{Name: "drain", Value: true, Usage: p.help("move the node's pods to other nodes meanwhile, if there are any")}
	kubeconfig := &cli.StringFlag{Name: "kubeconfig", Usage: p.help("on a worker: a kubeconfig `FILE` of someone who may drain nodes")}
	node := append([]cli.Flag{drain, kubeconfig, archives, yes}, drainFlags(p)...)
	backup := &cli.StringFlag{Name: "backup", Usage: p.help("the `FILE` to make a backup in before; none: make no backup"), DefaultText: p.help("a new file in BACKUP_DIR")}
	return &cli.Command{
		Name:  "upgrade",
		Usage: p.help("brings the cluster to another version of Kubernetes, node by node"),
		Description: p.help("A package of another version changes nothing that runs: the node goes on with the version it has, "+
			"whatever is restarted, until podsec-k8s upgrade is run. First the control planes are upgraded, one after the other, then the workers.\n\n"+
			"If a step fails, the node goes back by itself to the version and the settings before. If the machine is switched off "+
			"meanwhile, the upgrade continues when it runs again.") +
			p.examples("podsec-k8s upgrade plan", "podsec-k8s upgrade apply v1.34.4", "podsec-k8s upgrade rollback"),
		Subcommands: []*cli.Command{
			p.subcommand("upgrade", "plan", "says what to do, in order, and what keeps the cluster from an upgrade", "",
				p.help("It changes nothing."), "-o json", func(c *cli.Context) error { return planUpgrade(c, p) }, outputFlag(p)),
			p.subcommand("upgrade", "apply", "upgrades the cluster, on its first control plane", "[VERSION]",
				p.help("VERSION is that of the installed kubeadm, and may be left out."),
				"v1.34.4 --yes", func(c *cli.Context) error { return runUpgrade(c, p, true) }, append([]cli.Flag{backup}, node...)...),
			p.subcommand("upgrade", "node", "upgrades another node, once its cluster is upgraded", "",
				p.help("A worker has no right to drain itself: give it an administrator's kubeconfig, or use --drain=false."),
				"--drain=false", func(c *cli.Context) error { return runUpgrade(c, p, false) }, node...),
			p.subcommand("upgrade", "rollback", "takes this node back to the version before its last upgrade", "",
				p.help("It keeps what was written to the cluster since, unless --restore-data is set. It works until the next upgrade begins, and on the first "+
					"control plane as long as no other node has been upgraded after it."),
				"--yes", func(c *cli.Context) error { return rollbackUpgrade(c, p) }, yes,
				&cli.BoolFlag{Name: "restore-data", Usage: p.help("restore etcd's data of before the upgrade as well; what was written since is lost")}),
			p.subcommand("upgrade", "resume", "continues an upgrade that was interrupted", "",
				p.help("podsec-k8s-upgrade.service does so when the machine starts."), "",
				func(c *cli.Context) error { return resumeUpgrade(c, p) }),
		},
	}
}
