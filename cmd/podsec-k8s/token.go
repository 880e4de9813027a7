package main

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// Flags of token create that are not only kubeadm's.
const (
	printJoinFlag    = "--print-join-command"
	controlPlaneFlag = "--control-plane"
)

func tokenCommand(p *printer) *cli.Command {
	sub := func(name, usage, args, example string) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: args, SkipFlagParsing: true,
			Description: "Flags go to kubeadm token " + name + ".\n\nExample: podsec-k8s token " + name + example,
			Action:      func(c *cli.Context) error { return runTokens(c, p, name) },
		}
	}
	return &cli.Command{
		Name:  "token",
		Usage: "makes and shows the tokens by which machines join; on a master",
		Description: "create " + printJoinFlag + " prints the whole command for a worker, with " + controlPlaneFlag + " that for a control plane.\n\n" +
			"Example: podsec-k8s token create --ttl 2h " + printJoinFlag,
		Subcommands: []*cli.Command{
			sub("create", "makes a token and prints it", "[TOKEN]", " "+printJoinFlag),
			sub("list", "lists the tokens that are good", "", " -o json"),
			sub("delete", "makes tokens good for nothing", "TOKEN…", " abcdef"),
		},
	}
}

func runTokens(c *cli.Context, p *printer, name string) error {
	args := c.Args().Slice()
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return cli.ShowSubcommandHelp(c)
	}
	joins := slices.Contains(args, printJoinFlag) || slices.Contains(args, controlPlaneFlag)
	if name != "create" || !joins {
		return runAsAdmin(c.Context, nil, nil, append([]string{"node", "token", name}, args...)...)
	}
	request := joinLineRequest{ControlPlane: slices.Contains(args, controlPlaneFlag)}
	request.Flags = slices.DeleteFunc(args, func(arg string) bool { return arg == printJoinFlag || arg == controlPlaneFlag })
	var line string
	if err := askAdmin(c.Context, request, &line, "node", "join-line"); err != nil {
		return err
	}
	p.say("podsec-k8s join %s", line)
	return nil
}

// nodeToken is the half of it that u7s-admin runs.
func nodeToken(c *cli.Context) error {
	return saidBefore(usernetes.RunTokens(c.Context, c.Args().Slice(), os.Stdout, os.Stderr))
}

// nodeJoinLine is the half of create --print-join-command.
func nodeJoinLine(c *cli.Context) error {
	var request joinLineRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	line, err := usernetes.JoinCommand(c.Context, request.ControlPlane, request.Flags...)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(line)
}

// A joinLineRequest asks for the arguments by which a machine joins.
type joinLineRequest struct {
	ControlPlane bool
	Flags        []string // of kubeadm token create
}
