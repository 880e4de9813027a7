package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// unitCommand is what the user units run.
func unitCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "unit", Usage: p.help("the program of a unit u7s-NAME"), ArgsUsage: "NAME [ARGS…]", Hidden: true,
		SkipFlagParsing: true,
		Action: takesAll(func(c *cli.Context, args []string) error {
			err := usernetes.RunUnit(c.Context, args[0], args[1:])
			if err != nil {
				err = errors.Join(err, host.Status(host.Printable(err.Error()))) // for whoever asks systemd
			}
			return err
		}),
	}
}
