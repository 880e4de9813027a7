package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// words is how many words, which are not flags, a command takes.
type words struct {
	needed []string // names of those that have to be there
	most   int      // anyNumber: no limit
}

// anyNumber of words may be given.
const anyNumber = -1

// wordsOf reads it from what the command's help shows: NAME is one word,
// [NAME] one that may be missing, NAME… one or more, and [NAME…] any number.
func wordsOf(usage string) words {
	var w words
	for name := range strings.FieldsSeq(usage) {
		bare, several := strings.CutSuffix(strings.Trim(name, "[]"), "…")
		if !strings.HasPrefix(name, "[") {
			w.needed = append(w.needed, bare)
		}
		if several {
			w.most = anyNumber
		} else if w.most != anyNumber {
			w.most++
		}
	}
	return w
}

// check reports whether as many words were given as the command takes.
func (w words) check(given []string) error {
	if len(given) < len(w.needed) {
		return misuse("%s is missing", w.needed[len(given)])
	}
	if w.most != anyNumber && len(given) > w.most {
		return misuse("%q is one argument too many; nothing was done", given[w.most])
	}
	return nil
}

// misuse makes an error of which the command's help is the remedy.
func misuse(format message.Format, args ...any) error {
	return &node.Misuse{Fault: host.Fault{Err: message.Errorf(format, args...)}}
}

// wrongUsage names the command's help as the remedy of a misuse that has none.
// Other errors stay as they are.
func wrongUsage(c *cli.Context, err error) error {
	var m *node.Misuse
	if !errors.As(err, &m) || !m.Remedy.Empty() {
		return err
	}
	named := *m
	named.Remedy = message.Of("see %s --help", c.Command.HelpName)
	if c.Command.Name == createMaster {
		named.Remedy = message.Of("see %s --help", createMasterName)
	}
	return &named
}

// strict makes every command, and those below it, refuse what it does not
// know with our own words, before anything is done. A command that passes
// flags on looks at its arguments itself, with kubeadmCall.
func strict(commands []*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelpCommand = true
		switch {
		case len(c.Subcommands) > 0:
			c.Action = unknownCommand
		case !c.SkipFlagParsing:
			c.Action = counted(c.Action)
		}
		strict(c.Subcommands)
	}
	return commands
}

// counted runs an action when the words are as many as its command takes.
func counted(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		given := c.Args().Slice()
		for _, word := range given {
			if len(word) > 1 && word[0] == '-' {
				return wrongUsage(c, misuse("%q is not understood here: flags come before other arguments", word))
			}
		}
		if err := cmp.Or(noEmptyFlag(c, c.Command.Flags), wordsOf(c.Command.ArgsUsage).check(given)); err != nil {
			return wrongUsage(c, err)
		}
		return wrongUsage(c, action(c))
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
			return misuse("the flag --%s needs a value", name)
		}
	}
	return nil
}

// usageError is for flags that a command does not have, or with a value that
// is none.
func usageError(c *cli.Context, err error, _ bool) error {
	return wrongUsage(c, flagError(err, c.Command.VisibleFlags()))
}

// flagError says in our words what the package flag says of a call.
func flagError(err error, flags []cli.Flag) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		name = strings.TrimLeft(name, "-")
		if near := nearest(name, flagNames(flags)); near != "" {
			return misuse("there is no flag --%s: did you mean --%s?", name, near)
		}
		return misuse("there is no flag --%s", name)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return misuse("the flag --%s needs a value", strings.TrimLeft(name, "-"))
	}
	var value, name string
	for _, form := range []string{"invalid value %q for flag -%s", "invalid boolean value %q for -%s"} {
		if n, _ := fmt.Sscanf(text, form, &value, &name); n == 2 {
			return misuse("the flag --%s: %q is no value for it", strings.Trim(name, "-:"), value)
		}
	}
	return misuse("the flags can't be understood: %w", err)
}

// unknownCommand is what the program, or a group of commands, does without a
// command that it knows.
func unknownCommand(c *cli.Context) error {
	if given := c.Args().First(); c.Args().Present() {
		if near := nearest(given, commandNames(c.Command.VisibleCommands())); near != "" {
			return wrongUsage(c, misuse("there is no command %q: did you mean %s?", given, near))
		}
		return wrongUsage(c, misuse("there is no command %q", given))
	}
	if c.Command.HasName(programName) {
		return cli.ShowAppHelp(c)
	}
	var names []string
	for _, sub := range c.Command.VisibleCommands() {
		names = append(names, sub.Name)
	}
	return wrongUsage(c, misuse("a command is missing: %s", strings.Join(names, ", ")))
}
