package main

import (
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
)

func backupCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "backup",
		Usage: p.help("makes and checks backups of the cluster, on a control plane"),
		Description: p.help("A backup is one file with etcd's data, the cluster's keys and settings. Whoever has it is the "+
			"cluster's administrator: encrypt it, or keep it where only root can read it. Data of volumes and images are "+
			"not in it. podsec-k8s restore makes the cluster again from it.") +
			p.examples("podsec-k8s backup create /srv/cluster.tar", "podsec-k8s backup verify /srv/cluster.tar",
				"systemctl enable --now podsec-k8s-backup.timer"),
		Subcommands: []*cli.Command{
			p.subcommand("backup", "create", "makes a backup while the cluster runs", "[FILE]",
				p.help("FILE must not exist. Without it, a new file in BACKUP_DIR is made, and it is encrypted for BACKUP_RECIPIENTS: "+
					"site settings in %s.", "/etc/podsec-k8s"),
				"/srv/cluster.tar", func(c *cli.Context) error { return createBackup(c, p) },
				&cli.StringSliceFlag{Name: "recipient", Usage: p.help("encrypt it for this public `KEY` of age")}),
			p.subcommand("backup", "verify", "checks that a backup is whole", "FILE", p.help("It reads every byte, and needs no cluster."),
				"/srv/cluster.tar", func(c *cli.Context) error { return verifyBackup(c, p) }, identityFlag(p), outputFlag(p)),
			p.subcommand("backup", "list", "lists the backups in BACKUP_DIR", "", "", "-o json",
				func(c *cli.Context) error { return listBackups(c, p) }, outputFlag(p)),
			p.subcommand("backup", "prune", "deletes the oldest backups in BACKUP_DIR", "", p.help("Only files with names that podsec-k8s backup create gives are deleted."),
				"--keep 7", func(c *cli.Context) error { return pruneBackups(c, p) },
				&cli.IntFlag{Name: "keep", DefaultText: "BACKUP_KEEP", Usage: p.help("keep the newest `NUMBER` of backups")}),
		},
	}
}

// identityFlag names the key that decrypts a backup.
func identityFlag(p *printer) cli.Flag {
	return &cli.StringFlag{Name: "identity", Usage: p.help("decrypt the backup by the key of age in this `FILE`")}
}

func verifyBackup(c *cli.Context, p *printer) error {
	m, err := checkBackup(c.Args().First(), c.String("identity"))
	if err != nil {
		return err
	}
	return answer(c, p, m, func() { p.backup(m) })
}

// backup says what is in one.
func (p *printer) backup(m backup.Manifest) {
	p.say("The backup is whole: every file has its digest.")
	p.say("Made: %s, on the control plane %s (%s)", day(m.Created), m.Node, m.Address)
	p.say("Kubernetes %s, etcd %s, podsec-k8s %s", m.Kubernetes, m.Etcd, m.PodsecK8s)
	p.say("etcd: revision %d, keys: %d", m.Revision, m.Keys)
	p.outside(m)
}

func listBackups(c *cli.Context, p *printer) error {
	all, _, err := siteBackups()
	if err != nil {
		return err
	}
	return answer(c, p, backupsOf(all), func() {
		for _, b := range all {
			p.say("%s  %s  %d MiB", b.Path, day(b.Created), (b.Size+1<<20-1)>>20)
		}
	})
}

func pruneBackups(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	all, site, err := siteBackups()
	if err != nil {
		return err
	}
	keep := site.Keep
	if c.IsSet("keep") {
		if keep = c.Int("keep"); keep < 1 {
			return misuse("flag --%s: %w", "keep", message.New("at least one backup is kept"))
		}
	}
	unlock, err := lockNode(c.Context, p) // nothing that was cut is still written then
	if err != nil {
		return err
	}
	defer unlock()
	if err := removeCutBackups(site.Folder); err != nil {
		return err
	}
	for len(all) > keep {
		if err := host.Remove(all[0].Path); err != nil {
			return message.Errorf("deleting a backup: %w", err)
		}
		p.say("Deleted %s", all[0].Path)
		all = all[1:]
	}
	return nil
}
