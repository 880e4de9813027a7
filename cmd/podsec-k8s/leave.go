package main

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

func leaveCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "leave",
		Usage: p.help("takes this machine out of its cluster, and deletes its node"),
		Description: p.help("Moves the node's pods to other nodes (kubectl drain), removes a control plane's member from etcd, and deletes "+
			"the Node object, the certificates and all data of the node. The package stays installed.\n\n"+
			"A worker has no right to do this: give it an administrator's kubeconfig, or run podsec-k8s remove-node NAME on a control "+
			"plane and then podsec-k8s reset here. The last control plane cannot leave; podsec-k8s reset deletes the cluster.\n\n"+
			"After a fault, the same command continues.") +
			p.examples("podsec-k8s leave --yes", "podsec-k8s leave --kubeconfig /root/admin.conf"),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: p.help("do not ask")},
			&cli.StringFlag{Name: "kubeconfig", Usage: p.help("on a worker: a kubeconfig `FILE` of someone who may drain and delete nodes")},
		}, drainFlags(p)...),
		Action: func(c *cli.Context) error {
			if err := requireRoot(); err != nil {
				return err
			}
			question := message.Of("This machine leaves its cluster: its pods are moved, and all data of its node are deleted. Type yes to continue:")
			if err := confirmed(c.Bool("yes"), p, question); err != nil {
				return err
			}
			return interruptible(c, p, func() error { return leave(c, p) })
		},
	}
}

// leaveQuestion asks how the node is that is to leave, and what keeps it from that.
var leaveQuestion = question[nothing, usernetes.LeaveState]{
	name: "leave-state", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (usernetes.LeaveState, error) { return usernetes.AskLeave(ctx) },
	check:  usernetes.LeaveState.Check,
}

// leave is root's part of it. kubectl runs as root: an administrator's kubeconfig is
// nothing that a worker's u7s-admin may have.
func leave(c *cli.Context, p *printer) error {
	unlock, err := lockNode(c.Context, p)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := leaveQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	took, err := leavesCluster(c, p, s)
	if err != nil {
		return err
	}
	if err := takeAway(c, p, resetRequest{Leave: true}, took); err != nil {
		return err
	}
	p.say("This machine is not a node of the cluster any more.")
	if s.Endpoint != "" {
		p.say("If a load balancer or a DNS name leads to this machine (%s), remove it there: the cluster's endpoint is %s.", s.Address, s.Endpoint)
	}
	return nil
}

// leavesCluster does what comes before the node is taken away. It returns what is to
// be done once the node has no identity any more and before its state goes: a
// worker's Node object is deleted. nil is nothing.
func leavesCluster(c *cli.Context, p *printer, s usernetes.LeaveState) (between func(context.Context) error, err error) {
	switch {
	case s.Ended || s.Removed:
		return nil, nil // the rest of the node goes
	case !s.Begun:
		rest, err := hasCluster()
		if err == nil && !rest {
			err = host.NewFault("create one: podsec-k8s-create-master or podsec-k8s join", "there is no node on this machine")
		}
		return nil, err
	case s.Resetting && s.ControlPlane:
		return nil, nil // u7s-admin goes on
	}
	if !s.Resetting {
		if err := checkReach(c.Context, s.NodeAccess); err != nil {
			return nil, err
		}
		if !s.Running {
			return nil, host.NewFault("start the node: systemctl start kubelet", "the node is stopped")
		}
	}
	k, err := leaversKubectl(c, s)
	if err != nil {
		return nil, err
	}
	if !s.ControlPlane {
		between = func(ctx context.Context) error { return k.deleteNode(ctx, p, s.Name) }
	}
	if s.Resetting {
		return between, nil
	}
	if err := k.checkOwn(c.Context, s); err != nil {
		return nil, err
	}
	return between, k.drain(c.Context, p, s.Name, drainArgs(c, false))
}

// leaversKubectl returns the kubectl of whoever may drain and delete the node.
func leaversKubectl(c *cli.Context, s usernetes.LeaveState) (kubectl, error) {
	config := c.String("kubeconfig")
	switch {
	case config != "":
		if _, err := os.Stat(config); err != nil {
			return kubectl{}, host.NewFault("specify a file that exists: --kubeconfig FILE", "reading the kubeconfig: %w", err)
		}
		return kubectlBy(config, os.Environ()), nil
	case s.ControlPlane:
		return kubectlOf(s.Access, os.Environ())
	default:
		return kubectl{}, host.WithRemedy(message.New("a worker may not drain and delete its own node"),
			"on a control plane: podsec-k8s remove-node %s, then here: podsec-k8s reset; or here, with an administrator's kubeconfig: podsec-k8s leave --kubeconfig FILE", s.Name)
	}
}

// checkOwn reports whether a kubectl asks this node's cluster, and may delete the
// node there, before anything is done.
func (k kubectl) checkOwn(ctx context.Context, s usernetes.LeaveState) error {
	out, err := k.command("get", "node", s.Name, "--output=json").Output(ctx)
	if err != nil {
		return host.WithRemedy(message.Errorf("asking the cluster for node %s: %w", s.Name, err), "check the kubeconfig; if the Node object was deleted already: podsec-k8s reset")
	}
	var n kubeapi.ClusterNode
	if err := json.Unmarshal(out, &n); err != nil {
		return message.Errorf("asking the cluster for node %s: %w", s.Name, err)
	}
	if !slices.ContainsFunc(n.Status.Addresses, func(a struct{ Type, Address string }) bool { return a.Address == s.Address }) {
		return host.NewFault("use a kubeconfig of this machine's cluster", "the kubeconfig leads to another cluster, whose node %s has another address", s.Name)
	}
	if err := k.command("auth", "can-i", "delete", "node/"+s.Name, "--quiet").Run(ctx); err != nil {
		return host.NewFault("use the kubeconfig of an administrator, or of a user with the ClusterRole podsec-k8s:platform-admin", "the kubeconfig gives no right to delete node %s", s.Name)
	}
	return nil
}

// deleteNode deletes a Node object, which may be gone already.
func (k kubectl) deleteNode(ctx context.Context, p *printer, name string) error {
	cmd := k.command("delete", "node", name, "--ignore-not-found")
	cmd.Stdout, cmd.Stderr = p.out, p.err
	if err := cmd.Run(ctx); err != nil {
		return host.WithRemedy(message.Errorf("removing the node from the cluster: %w", err), "run the same command again to continue")
	}
	return nil
}
