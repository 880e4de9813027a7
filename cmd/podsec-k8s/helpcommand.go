package main

import "github.com/urfave/cli/v2"

// helpFlag is one of every command's flags.
func helpFlag(p *printer) cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: p.help("show this help")}
}

// helpCommand shows the help of the command that is named, below the one that it
// belongs to.
func helpCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "help", Usage: p.help("shows the help of a command"), ArgsUsage: "[COMMAND…]",
		Description: p.examples("podsec-k8s help token create"),
		HideHelp:    true, // cli would show that of the command above; see usageError
		Action: func(c *cli.Context) error {
			of := c.Lineage()[1].Command
			for _, name := range c.Args().Slice() {
				below := of.Command(name)
				if below == nil {
					return noCommand(of, name)
				}
				of = below
			}
			cli.HelpPrinter(c.App.Writer, "", of)
			return nil
		},
	}
}
