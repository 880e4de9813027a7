package main

import (
	"context"
	"os"
	"slices"
	"time"

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
		return tokenTask.run(c.Context, append([]string{name}, args...))
	case slices.Contains(args, "--dry-run") || slices.Contains(args, "--dry-run=true"):
		if c.IsSet("output") {
			return misuse("flag --%s cannot be used with a dry run", "output")
		}
		return tokenTask.run(c.Context, append([]string{name}, args...))
	}
	return showToken(c, p, args)
}

// showTicket prints the command by which another machine joins.
func showTicket(c *cli.Context, p *printer, args []string) error {
	ticket, err := ticketQuestion.ask(c.Context, ticketRequest{c.Bool(controlPlaneFlag), args})
	if err != nil {
		return err
	}
	return answer(c, p, joinOf(ticket), func() { p.say("%s", ticket.Command()) })
}

// listTokens prints the tokens for a program. Text is kubeadm's own.
func listTokens(c *cli.Context, p *printer, args []string) error {
	tokens, err := tokensQuestion.ask(c.Context, args)
	if err != nil {
		return err
	}
	return answer(c, p, tokensOf(tokens), nil)
}

// showToken makes a token and prints it. It is for another program: it has its
// form.
func showToken(c *cli.Context, p *printer, args []string) error {
	token, err := tokenQuestion.ask(c.Context, args)
	if err != nil {
		return err
	}
	return answer(c, p, tokenOf(token), func() { p.say("%s", token.Token) })
}

// tokenTask runs kubeadm token, with arguments.
var tokenTask = task[[]string]{
	name: "token", timeout: time.Minute,
	handle: func(ctx context.Context, _ *printer, args []string) error {
		return childExit(usernetes.RunTokens(ctx, args, os.Stdout, os.Stderr))
	},
}

// tokenQuestion makes a token, by arguments of kubeadm token create.
var tokenQuestion = question[[]string, usernetes.Token]{
	name: "new-token", timeout: time.Minute,
	handle: func(ctx context.Context, args []string) (usernetes.Token, error) {
		token, err := usernetes.NewToken(ctx, args, os.Stderr)
		return token, childExit(err)
	},
	check: usernetes.Token.Check,
}

// tokensQuestion asks for the tokens that are good, by arguments of kubeadm token
// list.
var tokensQuestion = question[[]string, []kubeadm.ListedToken]{
	name: "list-tokens", timeout: time.Minute,
	handle: func(ctx context.Context, args []string) ([]kubeadm.ListedToken, error) {
		tokens, err := usernetes.ListTokens(ctx, args, os.Stderr)
		return tokens, childExit(err)
	},
	check: func(tokens []kubeadm.ListedToken) error {
		for _, t := range tokens {
			if err := (usernetes.Token{Token: t.Token}).Check(); err != nil {
				return err
			}
		}
		return nil
	},
}

// ticketQuestion asks for what another machine joins by.
var ticketQuestion = question[ticketRequest, kubeadm.JoinTicket]{
	name: "ticket", timeout: time.Minute,
	handle: func(ctx context.Context, r ticketRequest) (kubeadm.JoinTicket, error) {
		return usernetes.NewTicket(ctx, r.ControlPlane, r.Args)
	},
	check: kubeadm.JoinTicket.Check,
}

// A ticketRequest asks for what a machine joins by.
type ticketRequest struct {
	ControlPlane bool
	Args         []string // of kubeadm token create
}
