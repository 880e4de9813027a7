package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

// A kubeadmCall is what a command does once its call is understood: c has the
// flags that are ours, flags those that are kubeadm's, each as --NAME or
// --NAME=VALUE, and given the words.
type kubeadmCall func(c *cli.Context, flags, given []string) error

// passing makes the action of a command that passes flags on to a command of
// kubeadm. What neither of us knows is wrong usage; kubeadm is asked for its
// help when there is something that could be its.
func passing(call kubeadmCall, kubeadm ...string) cli.ActionFunc {
	return func(c *cli.Context) error {
		mine, theirs, err := splitFlags(c.Command.Flags, c.Args().Slice())
		if err != nil {
			return wrongUsage(c.Command, err)
		}
		return parsed(c, mine, understood(func(c *cli.Context) error {
			flags, given, err := sorted(c, theirs, kubeadm)
			if err != nil {
				return err
			}
			return call(c, flags, given)
		}))
	}
}

// subcommand makes a command below another one, whose flags may follow its words. The
// example is what may follow its name.
func (p *printer) subcommand(of, name string, usage message.Format, args, about, example string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: p.help(usage), ArgsUsage: args, SkipFlagParsing: true, Flags: flags,
		Description: about + p.examples("podsec-k8s "+of+" "+name+" "+example), Action: anyOrder(action),
	}
}

// anyOrder makes the action of a command whose flags may follow its words.
func anyOrder(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		flags, given, err := splitFlags(c.Command.Flags, c.Args().Slice())
		for _, word := range given {
			if err == nil && len(word) > 1 && word[0] == '-' {
				err = noFlag(word, flagNames(c.Command.Flags))
			}
		}
		if err != nil {
			return wrongUsage(c.Command, err)
		}
		return parsed(c, append(flags, given...), counted(action))
	}
}

// sorted parts kubeadm's flags from words, and counts these.
func sorted(c *cli.Context, args, command []string) (flags, given []string, err error) {
	var help kubeadm.Help
	if slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }) {
		if help, err = kubeadm.AskHelp(c.Context, command...); err != nil {
			return nil, nil, err
		}
	}
	flags, given, err = help.Sort(args)
	var unknown *kubeadm.UnknownFlagError
	if errors.As(err, &unknown) {
		return nil, nil, noFlag(unknown.Flag, append(flagNames(c.Command.Flags), unknown.Known...))
	}
	if err != nil {
		return nil, nil, err
	}
	if err := help.CheckPhases(flags); err != nil {
		return nil, nil, err
	}
	return flags, given, wordsOf(c.Command.ArgsUsage).check(given)
}

// splitFlags parts our flags, with their values, from those of another
// program, which stay in their order.
func splitFlags(known []cli.Flag, args []string) (ours, theirs []string, err error) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return ours, append(theirs, args[i:]...), nil
		}
		name, _, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		flag := findFlag(known, name)
		if flag == nil || !strings.HasPrefix(args[i], "-") {
			theirs = append(theirs, args[i])
			continue
		}
		ours = append(ours, args[i])
		if _, isBool := flag.(*cli.BoolFlag); isBool || inline {
			continue
		}
		if i++; i == len(args) {
			return nil, nil, misuse("flag --%s needs a value", name)
		}
		ours = append(ours, args[i])
	}
	return ours, theirs, nil
}

func findFlag(known []cli.Flag, name string) cli.Flag {
	for _, f := range known {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// parsed runs an action with flags that were split off.
func parsed(c *cli.Context, args []string, action cli.ActionFunc) error {
	command := *c.Command
	command.SkipFlagParsing, command.Action = false, action
	inner := cli.NewContext(c.App, nil, c)
	inner.Command = &command
	return command.Run(inner, append([]string{command.Name}, args...)...)
}
