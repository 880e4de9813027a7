package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// toolCommand runs one of the cluster's tools in the node, with all of its
// own flags.
func toolCommand(name, usage string) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "ARGS…",
		Description:     "Example: podsec-k8s " + name + " " + toolExample(name),
		SkipFlagParsing: true,
		Action:          func(c *cli.Context) error { return inNode(name, c.Args().Slice()) },
	}
}

func toolExample(name string) string {
	return map[string]string{
		"kubeadm": "certs check-expiration", "kubectl": "get nodes", "crictl": "images",
	}[name]
}

func execCommand() *cli.Command {
	return &cli.Command{
		Name: "exec", Usage: "runs any program in the node's namespaces, as their root", ArgsUsage: "PROGRAM ARGS…",
		Description:     "Example: podsec-k8s exec ip address",
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return wrongUsage("podsec-k8s exec", fmt.Errorf("a program is missing"))
			}
			return inNode(c.Args().First(), c.Args().Tail())
		},
	}
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
