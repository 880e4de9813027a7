package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// rollbackUpgrade is root's part of going back.
func rollbackUpgrade(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	return alone(c, p, func() error {
		s, err := upgradeQuestion.ask(c.Context, nothing{})
		if err != nil {
			return err
		}
		if err := checkBack(s); err != nil {
			return err
		}
		lossy, err := losesWrites(c, s.Record)
		if err != nil {
			return err
		}
		p.say("This node, %s, goes back from Kubernetes %s to %s.", s.Name, s.Record.To, s.Record.From)
		if lossy {
			p.say("etcd's data go back as well: what was written to the cluster after %s is lost.", s.Record.Saved.Local().Format(time.DateTime))
		} else {
			p.say("What was written to the cluster since the upgrade is kept.")
		}
		if !c.Bool("yes") && hasTerminal() && !agrees(p, message.Of("Type yes to continue:")) {
			return message.New("nothing was changed")
		}
		note, _, err := loadUpgradeNote()
		if err != nil {
			return err
		}
		note.To, note.First, note.Back, note.Lossy = s.Record.To, s.Record.First, true, lossy
		return carryOut(c.Context, p, note, nil)
	})
}

// losesWrites reports whether etcd's data go back as well: because that is asked for, or
// because the older etcd can't read the newer one's.
func losesWrites(c *cli.Context, r upgrade.Record) (bool, error) {
	if r.Lossy || c.Bool("restore-data") {
		return true, nil
	}
	if r.Saved.IsZero() {
		return false, nil
	}
	return otherEtcd(c.Context, node.KeptSet(r.From), node.KeptSet(r.To))
}

// checkBack reports whether the node can go back.
func checkBack(s upgrade.State) error {
	r := s.Record
	if r.To == "" {
		return host.NewFault("see podsec-k8s upgrade plan", "there is no upgrade of this node to go back from")
	}
	if !exists(node.KeptSet(r.From)) {
		return host.WithRemedy(message.Errorf("the programs of Kubernetes %s are not there any more", r.From), "restore the cluster from a backup: podsec-k8s restore")
	}
	if later := laterNodes(s); later != nil {
		return host.NewFault("go back on each of them first: podsec-k8s upgrade rollback", "these nodes were upgraded after this one: %s", strings.Join(later, ", "))
	}
	return nil
}

// laterNodes lists those that were upgraded after the first one, which this is.
func laterNodes(s upgrade.State) (later []string) {
	for _, m := range s.Nodes {
		if s.Record.First && s.Record.Finished && m.Name != s.Name && m.Version == s.Record.To {
			later = append(later, m.Name)
		}
	}
	return later
}
