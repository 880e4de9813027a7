package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// strict makes every command, and those below it, refuse what it does not
// know with our own words, before anything is done, and gives each its help. A
// command that passes flags on looks at its arguments itself, with kubeadmCall.
func strict(p *printer, above string, commands []*cli.Command) []*cli.Command {
	for _, c := range commands {
		if above != programName { // cli has named the others
			c.HelpName = above + " " + c.Name
		}
		c.OnUsageError = usageError
		if !c.HideHelp {
			c.Flags, c.HideHelp = append(c.Flags, helpFlag(p)), true
		}
		switch {
		case len(c.Subcommands) > 0:
			help := helpCommand(p)
			help.Hidden = true
			c.Action, c.Subcommands = unknownCommand, append(c.Subcommands, help)
		case !c.SkipFlagParsing:
			c.Action = counted(c.Action)
		}
		strict(p, above+" "+c.Name, c.Subcommands)
	}
	return commands
}

// counted runs an action when the words are as many as its command takes.
func counted(action cli.ActionFunc) cli.ActionFunc {
	return understood(func(c *cli.Context) error {
		given := c.Args().Slice()
		for _, word := range given {
			if len(word) > 1 && word[0] == '-' {
				return misuse("unexpected argument %q: put flags before other arguments", word)
			}
		}
		if err := wordsOf(c.Command.ArgsUsage).check(given); err != nil {
			return err
		}
		return action(c)
	})
}

// understood runs an action when no flag is empty. What it does not understand
// either is wrong usage of its command.
func understood(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		err := noEmptyFlag(c, c.Command.Flags)
		if err == nil {
			err = action(c)
		}
		return wrongUsage(c.Command, err)
	}
}

// noEmptyFlag tells which flag was given an empty value, as --node-ip=$IP is where
// IP is not set.
func noEmptyFlag(c *cli.Context, flags []cli.Flag) error {
	for _, f := range flags {
		name := f.Names()[0]
		var values []string
		switch f.(type) {
		case *cli.StringFlag:
			values = []string{c.String(name)}
		case *cli.StringSliceFlag:
			values = c.StringSlice(name)
		}
		if c.IsSet(name) && slices.Contains(values, "") {
			return misuse("flag --%s needs a value", name)
		}
	}
	return nil
}

// usageError is for flags that a command does not have, or with a value that
// is none. Without a flag --help of its own a command is asked for help by it.
func usageError(c *cli.Context, err error, _ bool) error {
	if errors.Is(err, flag.ErrHelp) {
		return cli.ShowSubcommandHelp(c)
	}
	return wrongUsage(c.Command, flagError(err, c.Command.VisibleFlags()))
}

// unknownCommand is what the program, or a group of commands, does without a
// command that it knows.
func unknownCommand(c *cli.Context) error {
	if c.Args().Present() {
		return noCommand(c.Command, c.Args().First())
	}
	if c.Command.HelpName != programName {
		return wrongUsage(c.Command, misuse("a command is missing: %s", strings.Join(commandNames(c.Command.VisibleCommands()), ", ")))
	}
	if c.Bool("version") {
		fmt.Fprintf(c.App.Writer, "%s version %s\n", programName, version) //nolint:errcheck // the output keeps it
		return nil
	}
	return cli.ShowAppHelp(c)
}
