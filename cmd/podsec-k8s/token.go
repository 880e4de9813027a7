package main

import (
	"encoding/json"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// Flags of token create that are ours: kubeadm's own of the first name prints a
// command for kubeadm.
const (
	printJoinFlag    = "print-join-command"
	controlPlaneFlag = "control-plane"
)

func tokenCommand(p *printer) *cli.Command {
	sub := func(name string, usage message.Format, args, example string, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: p.help(usage), ArgsUsage: args, SkipFlagParsing: true, Flags: flags,
			Description: p.help("Flags that are not listed here go to kubeadm token %s.\n\nExample: podsec-k8s token %s%s", name, name, example),
			Action: passing(flags, func(c *cli.Context, flags, given []string) error {
				return runTokens(c, p, name, flags, given)
			}, "token", name),
		}
	}
	return &cli.Command{
		Name:  "token",
		Usage: p.help("makes and shows the tokens by which machines join; on a master"),
		Description: p.help("create --%s prints the whole command for a worker, with --%s that for a control plane.\n\n"+
			"Example: podsec-k8s token create --ttl 2h --%s | ssh root@worker sh", printJoinFlag, controlPlaneFlag, printJoinFlag),
		Subcommands: []*cli.Command{
			sub("create", "makes a token and prints it", "[TOKEN]", " --"+printJoinFlag,
				&cli.BoolFlag{Name: printJoinFlag, Usage: p.help("print the command by which a worker joins, for sh")},
				&cli.BoolFlag{Name: controlPlaneFlag, Usage: p.help("print the command by which a control plane joins; good for two hours")}),
			sub("list", "lists the tokens that are good", "", " -o json"),
			sub("delete", "makes tokens good for nothing", "TOKEN…", " abcdef"),
		},
	}
}

func runTokens(c *cli.Context, p *printer, name string, flags, given []string) error {
	if err := usernetes.TokenArgs(name, given); err != nil {
		return err
	}
	args := slices.Concat(flags, given)
	if !c.Bool(printJoinFlag) && !c.Bool(controlPlaneFlag) {
		return showTokens(c, p, name, args)
	}
	ticket, err := askTicket(c, ticketRequest{c.Bool(controlPlaneFlag), args})
	if err != nil {
		return err
	}
	p.say("%s", ticket.Command())
	return nil
}

// askTicket asks for what another machine joins by.
func askTicket(c *cli.Context, request ticketRequest) (t kubeadm.JoinTicket, err error) {
	if err := askAdmin(c.Context, request, &t, askForTicket); err != nil {
		return t, err
	}
	return t, t.Check()
}

// showTokens shows what kubeadm says. A new token is for another program: it has
// its form.
func showTokens(c *cli.Context, p *printer, name string, args []string) error {
	if name != "create" || slices.Contains(args, "--dry-run") || slices.Contains(args, "--dry-run=true") {
		return runAsAdmin(c.Context, append([]string{name}, args...), nil, askTokens)
	}
	var token usernetes.Token
	if err := askAdmin(c.Context, args, &token, askForToken); err != nil {
		return err
	}
	if err := token.Check(); err != nil {
		return err
	}
	p.say("%s", token.Token)
	return nil
}

// nodeTokens is the half of it that u7s-admin runs.
func nodeTokens(c *cli.Context) error {
	var args []string
	if err := readRequest(&args); err != nil {
		return err
	}
	return childExit(usernetes.RunTokens(c.Context, args, os.Stdout, os.Stderr))
}

// nodeToken is the half of create.
func nodeToken(c *cli.Context) error {
	var args []string
	if err := readRequest(&args); err != nil {
		return err
	}
	token, err := usernetes.NewToken(c.Context, args, os.Stderr)
	if err != nil {
		return childExit(err)
	}
	return json.NewEncoder(os.Stdout).Encode(token)
}

// nodeTicket is the half of create --print-join-command.
func nodeTicket(c *cli.Context) error {
	var request ticketRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	ticket, err := usernetes.NewTicket(c.Context, request.ControlPlane, request.Args)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(ticket)
}

// A ticketRequest asks for what a machine joins by.
type ticketRequest struct {
	ControlPlane bool
	Args         []string // of kubeadm token create
}
