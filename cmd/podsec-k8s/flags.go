package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// splitFlags parts our flags, with their values, from those of another
// program, which stay in their order.
func splitFlags(known []cli.Flag, args []string) (ours, theirs []string, err error) {
	for i := 0; i < len(args); i++ {
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
			return nil, nil, fmt.Errorf("flag --%s needs a value", name)
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
			return fmt.Errorf("preparing flags: %w", err)
		}
	}
	if err := set.Parse(args); err != nil {
		return wrongUsage(c.Command.HelpName, err)
	}
	inner := cli.NewContext(c.App, set, c)
	inner.Command = c.Command
	if inner.Bool("help") {
		return cli.ShowSubcommandHelp(c)
	}
	return action(inner)
}
