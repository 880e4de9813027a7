package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

func resetCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "reset",
		Usage: p.help("deletes the cluster on this node; the package stays installed"),
		Description: p.help("Stops the node's services and deletes all their data, on a control plane also etcd's. A node that "+
			"is one of several control planes leaves the cluster only if the others keep working. Pods are not "+
			"moved, and the Node object of a worker stays: to leave in order, podsec-k8s leave.") +
			p.examples("podsec-k8s reset --yes"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: p.help("do not ask")},
			&cli.BoolFlag{Name: "force", Usage: p.help("do not check whether the other control planes keep working")},
		},
		Action: func(c *cli.Context) error {
			if err := requireRoot(); err != nil {
				return err
			}
			question := message.Of("This deletes the cluster on this node and all its data. Type yes to continue:")
			if err := confirmed(c.Bool("yes"), p, question); err != nil {
				return err
			}
			return interruptible(c, p, func() error { return reset(c, p) })
		},
	}
}

// resetTask takes the cluster away from the node.
var resetTask = task[resetRequest]{
	name: "reset",
	handle: func(ctx context.Context, _ *printer, r resetRequest) error {
		return usernetes.Reset(ctx, r, os.Stdout)
	},
}

// A resetRequest is what root asks of u7s-admin for a reset.
type resetRequest = usernetes.ResetRequest

func reset(c *cli.Context, p *printer) error {
	unlock, err := lockNode(c.Context, p)
	if err != nil {
		return err
	}
	defer unlock()
	if err := takeAway(c, p, resetRequest{Force: c.Bool("force")}, nil); err != nil {
		return err
	}
	p.say("The node is removed. To create a new one: podsec-k8s-create-master")
	return nil
}

// takeAway takes the node away from this machine. between, if any, is done once the
// node has no identity in its cluster any more, and before its state goes.
func takeAway(c *cli.Context, p *printer, r resetRequest, between func(context.Context) error) error {
	last := lastAccess(c.Context)
	if err := removeCutWrites(); err != nil {
		return err
	}
	if between != nil {
		half := r
		half.KeepState = true
		if err := resetTask.runScoped(c.Context, half); err != nil {
			return err
		}
		if err := between(c.Context); err != nil {
			return err
		}
	}
	if err := resetTask.runScoped(c.Context, r); err != nil {
		return err
	}
	if err := stopGuard(c.Context); err != nil {
		return err
	}
	if err := errors.Join(host.RemoveCutWrites(kubectlConfig), host.Remove(kubectlConfig), removeKubeconfigs(p, last)); err != nil {
		return err
	}
	if err := host.Remove(marker); err != nil { // last: it says that there is something to reset
		return message.Errorf("deleting the note of the cluster: %w", err)
	}
	return nil
}

// confirmed asks, when a person is there to answer.
func confirmed(yes bool, p *printer, question message.Text) error {
	if yes {
		return nil
	}
	if !hasTerminal() {
		return misuse("there is no terminal to ask on: use --yes")
	}
	if !agrees(p, question) {
		return message.New("nothing was deleted")
	}
	return nil
}

// hasTerminal reports whether a person may be there to answer.
func hasTerminal() bool {
	_, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	return err == nil
}

// agrees asks.
func agrees(p *printer, question message.Text) bool {
	p.say("%s", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err == nil && strings.TrimSpace(answer) == "yes"
}
