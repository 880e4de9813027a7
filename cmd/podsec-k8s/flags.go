package main

import (
	"flag"
	"io"
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
func passing(ours []cli.Flag, call kubeadmCall, kubeadm ...string) cli.ActionFunc {
	return func(c *cli.Context) error {
		mine, theirs, err := splitFlags(ours, c.Args().Slice())
		if err != nil {
			return wrongUsage(c, err)
		}
		return parsed(c, ours, mine, func(c *cli.Context) error {
			flags, given, err := sorted(c, theirs, kubeadm)
			if err == nil {
				err = call(c, flags, given)
			}
			return wrongUsage(c, err)
		})
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
	if flags, given, err = help.Sort(args); err != nil {
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
			return nil, nil, misuse("the flag --%s needs a value", name)
		}
		ours = append(ours, args[i])
	}
	return ours, theirs, nil
}

func findFlag(known []cli.Flag, name string) cli.Flag {
	for _, f := range append(known, cli.HelpFlag) {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// parsed runs an action with flags that were split off.
func parsed(c *cli.Context, known []cli.Flag, args []string, action cli.ActionFunc) error {
	set := flag.NewFlagSet(c.Command.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range append(known, cli.HelpFlag) {
		if err := f.Apply(set); err != nil {
			return message.Errorf("preparing flags: %w", err)
		}
	}
	if err := set.Parse(args); err != nil {
		return wrongUsage(c, flagError(err, known))
	}
	inner := cli.NewContext(c.App, set, c)
	inner.Command = c.Command
	if inner.Bool("help") {
		return cli.ShowSubcommandHelp(c)
	}
	if err := noEmptyFlag(inner, known); err != nil {
		return wrongUsage(c, err)
	}
	return action(inner)
}
