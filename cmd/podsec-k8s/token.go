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
			Description: p.help("Flags that are not listed here go to kubeadm token %s.", name) +
				p.examples("podsec-k8s token "+name+example),
			Action: passing(func(c *cli.Context, flags, given []string) error {
				return runTokens(c, p, name, flags, given)
			}, "token", name),
		}
	}
	return &cli.Command{
		Name:  "token",
		Usage: p.help("creates and lists join tokens, on a control plane"),
		Description: p.help("create --%s prints the complete command for a worker, with --%s that for a control plane.", printJoinFlag, controlPlaneFlag) +
			p.examples("podsec-k8s token create --ttl 2h --"+printJoinFlag+" | ssh root@worker sh"),
		Subcommands: []*cli.Command{
			sub("create", "creates a token and prints it", "[TOKEN]", " --"+printJoinFlag,
				&cli.BoolFlag{Name: printJoinFlag, Usage: p.help("print the command with which a worker joins, for sh")},
				&cli.BoolFlag{Name: controlPlaneFlag, Usage: p.help("print the command with which a control plane joins; valid for two hours")},
				outputFlag(p)),
			sub("list", "lists the valid tokens", "", " -o json", outputFlag(p)),
			sub("delete", "deletes tokens", "TOKEN…", " abcdef"),
		},
	}
}

func runTokens(c *cli.Context, p *printer, name string, flags, given []string) error {
	if err := usernetes.TokenArgs(name, given); err != nil {
		return err
	}
	args := slices.Concat(flags, given)
	switch joins := c.Bool(printJoinFlag) || c.Bool(controlPlaneFlag); {
	case joins:
		return showTicket(c, p, args)
	case name == "list" && c.String("output") != formText:
		return listTokens(c, p, args)
	case name != "create":
		return runAsAdmin(c.Context, append([]string{name}, args...), nil, askTokens)
	case slices.Contains(args, "--dry-run") || slices.Contains(args, "--dry-run=true"):
		if c.IsSet("output") {
			return misuse("flag --%s cannot be used with a dry run", "output")
		}
		return runAsAdmin(c.Context, append([]string{name}, args...), nil, askTokens)
	}
	return showToken(c, p, args)
}

// showTicket prints the command by which another machine joins.
func showTicket(c *cli.Context, p *printer, args []string) error {
	ticket, err := askTicket(c, ticketRequest{c.Bool(controlPlaneFlag), args})
	if err != nil {
		return err
	}
	return answer(c, p, joinOf(ticket), func() { p.say("%s", ticket.Command()) })
}

// askTicket asks for what another machine joins by.
func askTicket(c *cli.Context, request ticketRequest) (t kubeadm.JoinTicket, err error) {
	if err := askAdmin(c.Context, request, &t, askForTicket); err != nil {
		return t, err
	}
	return t, t.Check()
}

// listTokens prints the tokens for a program. Text is kubeadm's own.
func listTokens(c *cli.Context, p *printer, args []string) error {
	var tokens []kubeadm.ListedToken
	if err := askAdmin(c.Context, args, &tokens, askTokenList); err != nil {
		return err
	}
	for _, t := range tokens {
		if err := (usernetes.Token{Token: t.Token}).Check(); err != nil {
			return err
		}
	}
	return answer(c, p, tokensOf(tokens), nil)
}

// showToken makes a token and prints it. It is for another program: it has its
// form.
func showToken(c *cli.Context, p *printer, args []string) error {
	var token usernetes.Token
	if err := askAdmin(c.Context, args, &token, askForToken); err != nil {
		return err
	}
	if err := token.Check(); err != nil {
		return err
	}
	return answer(c, p, tokenOf(token), func() { p.say("%s", token.Token) })
}

// nodeTokens is the part of it that runs as u7s-admin.
func nodeTokens(c *cli.Context) error {
	var args []string
	if err := readRequest(&args); err != nil {
		return err
	}
	return childExit(usernetes.RunTokens(c.Context, args, os.Stdout, os.Stderr))
}

// nodeTokenList is the half of list for a program.
func nodeTokenList(c *cli.Context) error {
	var args []string
	if err := readRequest(&args); err != nil {
		return err
	}
	tokens, err := usernetes.ListTokens(c.Context, args, os.Stderr)
	if err != nil {
		return childExit(err)
	}
	return json.NewEncoder(os.Stdout).Encode(tokens)
}

// nodeToken is the part of create that runs as u7s-admin.
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

// nodeTicket is the part of create --print-join-command that runs as u7s-admin.
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
