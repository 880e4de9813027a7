package main

import (
	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
)

func hostCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "host",
		Usage: p.help("the changes to this machine that a rootless node needs"),
		Description: p.help("The package makes them when it is installed and undoes them when it is uninstalled.") +
			p.examples("podsec-k8s host status -o json"),
		Subcommands: []*cli.Command{
			{Name: "plan", Usage: p.help("prints the changes that the package and a node make"), Flags: []cli.Flag{outputFlag(p)}, Action: func(c *cli.Context) error { return hostPlan(c, p, scriptlets.Whole) }},
			{
				Name: "apply", Usage: p.help("makes the changes that are still missing"),
				Flags:  []cli.Flag{&cli.BoolFlag{Name: "dry-run", Usage: p.help("print the plan and change nothing")}, outputFlag(p)},
				Action: func(c *cli.Context) error { return hostApply(c, p) },
			},
			{Name: "status", Usage: p.help("prints the changes that were made, from the journal"), Flags: []cli.Flag{outputFlag(p)}, Action: func(c *cli.Context) error { return hostStatus(c, p) }},
		},
	}
}

func hostPlan(c *cli.Context, p *printer, plan func(scriptlets.Facts) []host.Change) error {
	facts, err := hostFacts(localHost(p))
	if err != nil {
		return err
	}
	return showChanges(c, p, plan(facts))
}

func hostApply(c *cli.Context, p *printer) error {
	if c.Bool("dry-run") {
		return hostPlan(c, p, func(f scriptlets.Facts) []host.Change { return scriptlets.Plan(f) })
	}
	if err := requireRoot(); err != nil {
		return err
	}
	found, err := applyHost(c.Context, p)
	if err != nil {
		return err
	}
	keepOrWarn(c.Context, p)
	if err := hostStatus(c, p); err != nil {
		return err
	}
	return asError(found)
}

func hostStatus(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	made, err := host.Made(localHost(p))
	if err != nil {
		return err
	}
	return showChanges(c, p, made)
}

func showChanges(c *cli.Context, p *printer, changes []host.Change) error {
	return answer(c, p, changesOf(changes), func() {
		for _, change := range changes {
			p.say("%s", change.Describe())
		}
	})
}
