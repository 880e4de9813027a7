package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// toolCommand runs one of the cluster's tools, with all of its own flags.
func toolCommand(name, usage, example string, run func(*cli.Context) error) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "[ARGS…]",
		Description:     "Example: podsec-k8s " + name + " " + example,
		SkipFlagParsing: true,
		Action:          run,
	}
}

// runKubeadm runs kubeadm in the node. It may have renewed certificates: then
// root's kubeconfigs are made anew.
func runKubeadm(c *cli.Context, p *printer) error {
	if os.Geteuid() != 0 {
		return inNode("kubeadm", c.Args().Slice())
	}
	// What the terminal sends goes to kubeadm as well, and it is for kubeadm to end.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT, syscall.SIGQUIT)
	defer signal.Stop(interrupts)
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	cmd := host.Command{
		Path: usernetes.Self, Args: append([]string{"exec", "--", "kubeadm"}, c.Args().Slice()...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if err := cmd.Run(ctx); err != nil {
		return saidBefore(err)
	}
	node, err := askAccess(ctx)
	if err != nil || !node.Master {
		return err
	}
	return refreshKubeconfigs(p, node.Access)
}

func runCrictl(c *cli.Context) error { return inNode("crictl", c.Args().Slice()) }

func execCommand() *cli.Command {
	return &cli.Command{
		Name: "exec", Usage: "runs any program in the node's namespaces, as their root", ArgsUsage: "PROGRAM [ARGS…]",
		Description:     "Example: podsec-k8s exec ip address",
		SkipFlagParsing: true,
		Action:          execInNode,
	}
}

// execInNode takes the program's own flags as they are: what comes before the
// program is ours.
func execInNode(c *cli.Context) error {
	args := c.Args().Slice()
	switch first := c.Args().First(); {
	case first == "--help" || first == "-h":
		return cli.ShowSubcommandHelp(c)
	case first == "--":
		args = args[1:]
	case strings.HasPrefix(first, "-"):
		return wrongUsage(c, misuse("there is no flag %s", first))
	}
	if err := wordsOf(c.Command.ArgsUsage).check(args); err != nil {
		return wrongUsage(c, err)
	}
	return inNode(args[0], args[1:])
}

// inNode replaces this process by a program in the node. Root becomes
// u7s-admin first, for what holds the namespaces is the user's.
func inNode(name string, args []string) error {
	admin, err := usernetes.AdminUser()
	if err != nil {
		return err
	}
	switch uint32(os.Geteuid()) {
	case admin.UID:
		return usernetes.ExecInNode(name, args...)
	case 0:
		cmd, err := asAdmin(append([]string{"exec", name}, args...)...)
		if err != nil {
			return err
		}
		return cmd.Exec()
	default:
		return &host.Fault{Err: fmt.Errorf("only root may enter the node"), Remedy: "run it with su - or sudo"}
	}
}
