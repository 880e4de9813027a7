package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func changeAddressCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "change-address",
		Usage: p.help("gives this node another address, and keeps its images and data"),
		Description: p.help("For a machine whose address has changed or is going to: a worker, or the only control plane. The new address must be assigned to the machine already. "+
			"The node is stopped, its files and certificates are changed, and it is started again; if it does not run so, it gets back what it had. "+
			"One of several control planes leaves instead (podsec-k8s leave), and joins again.\n\n"+
			"If the control plane has another address now, run podsec-k8s change-address --server HOST on each worker. The worker keeps its certificates, and its pods keep running.\n\n"+
			"A node that is stopped is started. After a fault, the same command continues.") +
			p.examples("podsec-k8s change-address", "podsec-k8s change-address --node-ip 192.0.2.20 --yes", "podsec-k8s change-address --server 192.0.2.20:6443"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "node-ip", Usage: p.help("the `ADDRESS` at which other machines reach this node"), DefaultText: p.help("NODE_IP in %s, or that of the default route", node.SiteDir)},
			&cli.StringFlag{Name: "server", Usage: p.help("on a worker: where the API of its cluster is now, `HOST` or HOST:PORT")},
			&cli.BoolFlag{Name: "yes", Usage: p.help("do not ask")},
		},
		Action: func(c *cli.Context) error {
			r := usernetes.AddressRequest{NodeIP: c.String("node-ip"), Server: c.String("server")}
			if err := r.CheckCall(); err != nil {
				return err
			}
			if err := requireRoot(); err != nil {
				return err
			}
			site, err := node.LoadSite(node.SiteDir)
			if err != nil {
				return err
			}
			r.Setting = site.NodeIP
			return alone(c, p, func() error { return changeAddress(c, p, r) })
		},
	}
}

// moveQuestion asks what a change of the node's address would do.
var moveQuestion = question[usernetes.AddressRequest, usernetes.MovePlan]{
	name: "address-plan", timeout: time.Minute,
	handle: usernetes.AskMove,
	check:  usernetes.MovePlan.Check,
}

// moveTask changes it.
var moveTask = task[usernetes.AddressRequest]{
	name: "change-address",
	handle: func(ctx context.Context, p *printer, r usernetes.AddressRequest) error {
		return usernetes.ChangeAddress(ctx, r, p, newKubeadmFilter(os.Stdout), p.aside)
	},
}

// movedQuestion asks what a change of the address has left to do.
var movedQuestion = question[nothing, usernetes.Moved]{
	name: "address-changed", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (usernetes.Moved, error) { return usernetes.AskMoved(ctx) },
	check:  usernetes.Moved.Check,
}

// changeAddress is root's part of it. A guard that can't bring the node up stops it
// again and again: it rests meanwhile.
func changeAddress(c *cli.Context, p *printer, r usernetes.AddressRequest) error {
	plan, err := moveQuestion.ask(c.Context, r)
	if err != nil {
		return err
	}
	if plan.Same() {
		p.say("This node, %s, has the address %s already; nothing was changed.", plan.Name, plan.To)
		return nil
	}
	p.movePlan(plan)
	if !c.Bool("yes") && hasTerminal() && !agrees(p, message.Of("Type yes to continue:")) {
		return message.New("nothing was changed")
	}
	rests, err := restGuard(c.Context)
	if err != nil {
		return err
	}
	failed := moveTask.runScoped(c.Context, r)
	if failed != nil {
		if c.Err() == nil && exitStatus(failed) == exitFault {
			explain(c.Context, p)
		}
		if rests { // it may wait for an address that does not come
			failed = errors.Join(failed, withGuard(context.WithoutCancel(c.Context), (*host.Manager).Begin))
		}
		return failed
	}
	if rests {
		if err := withGuard(c.Context, (*host.Manager).Start); err != nil {
			return err
		}
	}
	return sayMoved(c.Context, p, r, plan)
}

// movePlan says what is going to be done.
func (p *printer) movePlan(plan usernetes.MovePlan) {
	if plan.Resumed {
		p.say("An earlier run was interrupted: this one continues it.")
	}
	if plan.From != plan.To {
		p.say("This node, %s, changes its address from %s to %s. It is stopped meanwhile, with its pods; images and data stay.", plan.Name, plan.From, plan.To)
	}
	if plan.Server != "" {
		p.say("This node, %s, asks for the API of its cluster at %s from now on.", plan.Name, plan.Server)
	}
	if plan.Forgets != "" {
		p.say("Afterwards, its upgrade from Kubernetes %s can't be undone any more (podsec-k8s upgrade rollback).", plan.Forgets)
	}
}

// sayMoved hands the cluster over, and says what is left to do.
func sayMoved(ctx context.Context, p *printer, r usernetes.AddressRequest, plan usernetes.MovePlan) error {
	p.say("\nThis node, %s, has the address %s.", plan.Name, plan.To)
	if r.Setting.IsValid() && r.Setting != plan.To {
		p.say("NODE_IP in %s is still %s: change it, too.", node.SiteDir, r.Setting)
	}
	access, err := accessQuestion.ask(ctx, nothing{})
	if err != nil || !access.Master {
		return err
	}
	if err := refreshKubeconfigs(p, access.Access); err != nil {
		return err
	}
	moved, err := movedQuestion.ask(ctx, nothing{})
	if err != nil {
		return err
	}
	if moved.Endpoint != "" {
		p.say("The name %s has to lead to %s on the other nodes too: in DNS, or in their /etc/hosts.", moved.Endpoint, plan.To)
		return nil
	}
	p.say("Users need the new address in their kubeconfigs: server: https://%s", moved.Server)
	if len(moved.Others) > 0 {
		p.say("On these nodes: %s\n%s", strings.Join(moved.Others, ", "), followLine(moved.Server))
	}
	return nil
}

// followLine is what to type on a worker whose cluster has moved.
func followLine(server string) string { return "podsec-k8s change-address --server " + server }
