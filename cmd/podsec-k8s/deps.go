package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
)

func depsCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "deps",
		Usage: "the packages that podsec-k8s stands on",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "prints the pinned packages, and why each is",
				Flags:  depsFlags(),
				Action: func(c *cli.Context) error { return depsList(c, p) },
			},
		},
	}
}

func depsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "kubernetes", Value: deps.Minors()[0].Version, Usage: "for this `MINOR` of Kubernetes"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "text", Usage: "`FORM` of the answer: text or json"},
	}
}

func depsList(c *cli.Context, p *printer) error {
	pins, err := deps.Pins(c.String("kubernetes"))
	if err != nil {
		return wrongUsage("podsec-k8s deps list", err)
	}
	if c.String("output") == "json" {
		return json.NewEncoder(p.out).Encode(pins)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, pin := range pins {
		for _, line := range pin.Requires() {
			fmt.Fprintf(table, "%s\t%s\n", line, pin.Why) //nolint:errcheck // Flush reports
		}
	}
	return table.Flush()
}
