package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// toolCommand runs one of the cluster's tools, with all of its own flags.
func toolCommand(p *printer, name, example string, usage message.Format, run func(*cli.Context) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: p.help(usage), ArgsUsage: "[ARGS…]",
		Description: p.help("All arguments go to %s. Its --help, as the first argument, needs no node.", name) +
			p.examples("podsec-k8s "+name+" "+example),
		SkipFlagParsing: true,
		HideHelp:        true, // it is the tool's own
		Action: func(c *cli.Context) error {
			if slices.Contains([]string{"--help", "-h", "help"}, c.Args().First()) {
				return host.Command{Path: name, Args: c.Args().Slice()}.Exec()
			}
			return run(c)
		},
	}
}

// runKubeadm runs kubeadm in the node. It may have renewed certificates: then
// root's kubeconfigs are made anew.
func runKubeadm(c *cli.Context, p *printer) error {
	if err := inNode(c.Context, "kubeadm", c.Args().Slice()); err != nil {
		return err
	}
	node, err := accessQuestion.ask(c.Context, nothing{})
	if err != nil || !node.Master {
		return err
	}
	return refreshKubeconfigs(p, node.Access)
}

func runCrictl(c *cli.Context) error { return inNode(c.Context, "crictl", c.Args().Slice()) }

func execCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "exec", Usage: p.help("runs any program in the node's namespaces, as root there"), ArgsUsage: "PROGRAM [ARGS…]",
		Description:     p.examples("podsec-k8s exec ip address"),
		SkipFlagParsing: true,
		Action:          takesAll(func(c *cli.Context, args []string) error { return inNode(c.Context, args[0], args[1:]) }),
	}
}

// takesAll runs an action with a program and its own flags as they are: what comes
// before the program is ours.
func takesAll(action func(c *cli.Context, args []string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		args := c.Args().Slice()
		switch first := c.Args().First(); {
		case first == "--help" || first == "-h":
			return cli.ShowSubcommandHelp(c)
		case first == "--":
			args = args[1:]
		case strings.HasPrefix(first, "-"):
			return wrongUsage(c.Command, noFlag(first, flagNames(c.Command.Flags)))
		}
		if err := wordsOf(c.Command.ArgsUsage).check(args); err != nil {
			return wrongUsage(c.Command, err)
		}
		return action(c, args)
	}
}

// inNode runs a program in the node. u7s-admin's process becomes it; root has
// u7s-admin run it, behind the gate, for what holds the namespaces is the user's.
func inNode(ctx context.Context, name string, args []string) error {
	admin, err := preflight.AdminUser()
	if err != nil {
		return err
	}
	switch uint32(os.Geteuid()) {
	case admin.UID:
		return namespace.ExecInNode(name, args...)
	case 0:
		c, err := asAdmin(ctx, append([]string{"exec", "--", name}, args...)...)
		if err != nil {
			return err
		}
		c.Name = "podsec-k8s exec " + name
		status, err := c.Interact(ctx, os.Stdin, os.Stdout, os.Stderr)
		if err == nil && status != 0 {
			err = &childStatus{status}
		}
		return err
	default:
		return host.NewFault("run it with su - or sudo",
			"only root may enter the node")
	}
}
