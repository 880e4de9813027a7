package main

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func removeNodeCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:      "remove-node",
		Usage:     p.help("takes another machine out of the cluster, on a control plane"),
		ArgsUsage: "NAME",
		Description: p.help("Moves the node's pods to other nodes (kubectl drain) and deletes the Node object. The machine stops its node "+
			"within a minute, or when it runs again, and does not come back by itself; delete the rest there: podsec-k8s reset. A control "+
			"plane that runs leaves by itself: podsec-k8s leave on that machine.\n\n"+
			"--dead is for a machine that is switched off and will not come back: its pods are deleted without waiting for them, and its "+
			"member is removed from etcd if the other members have a quorum.\n\n"+
			"After a fault, the same command continues.") +
			p.examples("podsec-k8s remove-node w1", "podsec-k8s remove-node m3 --dead --yes"),
		SkipFlagParsing: true,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: p.help("do not ask")},
			&cli.BoolFlag{Name: "dead", Usage: p.help("the machine is switched off and will not come back")},
		}, drainFlags(p)...),
		Action: anyOrder(func(c *cli.Context) error {
			r := usernetes.Removal{Name: strings.ToLower(c.Args().First()), Dead: c.Bool("dead")}
			if !node.IsName(r.Name) {
				return misuse("%q is not the name of a node", host.Printable(c.Args().First()))
			}
			if err := requireRoot(); err != nil {
				return err
			}
			question := message.Of("The node %s is removed from the cluster for good. Type yes to continue:", r.Name)
			if err := confirmed(c.Bool("yes"), p, question); err != nil {
				return err
			}
			return interruptible(c, p, func() error { return removeNode(c, p, r) })
		}),
	}
}

// removalQuestion asks what there is to remove, and what keeps it from being removed.
var removalQuestion = question[usernetes.Removal, usernetes.Removable]{
	name: "removable", timeout: time.Minute,
	handle: usernetes.CheckRemoval,
	check:  func(usernetes.Removable) error { return nil },
}

// removalTask removes a node that is drained.
var removalTask = task[usernetes.Removal]{
	name: "remove-node", timeout: 2 * time.Minute,
	handle: func(ctx context.Context, _ *printer, r usernetes.Removal) error { return usernetes.RemoveNode(ctx, r) },
}

// removeNode is root's part of it.
func removeNode(c *cli.Context, p *printer, r usernetes.Removal) error {
	access, err := askMaster(c.Context)
	if err != nil {
		return err
	}
	unlock, err := lockNode(c.Context, p)
	if err != nil {
		return err
	}
	defer unlock()
	found, err := removalQuestion.ask(c.Context, r)
	if err != nil {
		return err
	}
	if !found.Node && !found.Member {
		p.say("The node %s was removed before; nothing was changed.", r.Name)
		return nil
	}
	if found.Node {
		k, err := kubectlOf(access.Access, os.Environ())
		if err != nil {
			return err
		}
		if err := k.drain(c.Context, p, r.Name, drainArgs(c, r.Dead)); err != nil {
			return err
		}
	}
	if err := removalTask.run(c.Context, r); err != nil {
		return err
	}
	p.say("The node %s is removed from the cluster.", r.Name)
	if r.Dead {
		p.say("Should the machine run again, it does not come back; delete the rest there: podsec-k8s reset")
	} else {
		p.say("Within a minute the machine stops its node. Delete the rest there: podsec-k8s reset")
	}
	if found.Member {
		p.say("If a load balancer or a DNS name leads to that machine, remove it there. Its disk has the keys of the cluster's certificate authorities: erase it.")
	}
	return nil
}
