package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// minor is the Kubernetes that the package was built for; set when it is
// built.
var minor = "1.26"

func depsCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "deps",
		Usage: p.help("the packages that podsec-k8s requires"),
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: p.help("prints the required packages, and why each is needed"),
				Description: p.examples("podsec-k8s deps list --kubernetes 1.34"),
				Flags:       depsFlags(p),
				Action:      func(c *cli.Context) error { return depsList(c, p) },
			},
			{
				Name: "verify", Usage: p.help("checks repositories against the pinned packages"), ArgsUsage: "REPO…",
				Description: p.help("REPO is a directory of RPM files, or a directory or http(s) URL with repodata. Several are taken together.\n\n"+
					"Reports each package that is missing, too old, too new, altered, or ambiguous (apt would not choose "+
					"the package that fits). Versions are compared as ALT's rpm does: an epoch that a requirement does "+
					"not name is ignored. A package that fits is read completely and its digests are compared.") +
					p.examples("podsec-k8s deps verify /srv/mirror/p10"),
				Flags: append(depsFlags(p),
					&cli.DurationFlag{Name: "timeout", Value: 10 * time.Minute, Usage: p.help("stop after this `TIME`")}),
				Action: func(c *cli.Context) error { return depsVerify(c, p) },
			},
		},
	}
}

func depsFlags(p *printer) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "kubernetes", Value: minor, Usage: p.help("for this `MINOR` of Kubernetes")},
		outputFlag(p),
	}
}

func depsList(c *cli.Context, p *printer) error {
	pins, err := pinsOf(c)
	if err != nil {
		return err
	}
	data := pinsAnswer{typed{"PinList", apiVersion}, c.String("kubernetes"), pins}
	return answer(c, p, data, func() { printPins(p, pins) })
}

func printPins(p *printer, pins []deps.Pin) {
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, pin := range pins {
		fmt.Fprintf(table, "%s\t%s\n", pin, p.help(pin.Why)) //nolint:errcheck // the output keeps it
	}
	table.Flush() //nolint:errcheck // as above
}

func depsVerify(c *cli.Context, p *printer) error {
	pins, err := pinsOf(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	report, err := deps.Verify(ctx, pins, c.Args().Slice()...)
	if errors.Is(err, context.DeadlineExceeded) {
		return host.NewFault("allow more time: --timeout TIME", "reading the repositories took longer than %s", c.Duration("timeout"))
	}
	if err != nil {
		return host.WithRemedy(err,
			"specify a directory of RPM files, or a directory or URL with repodata/repomd.xml")
	}
	data := reportAnswer{typed{"PinReport", apiVersion}, c.String("kubernetes"), report}
	err = answer(c, p, data, func() { report.WriteTable(p.out, p.language) }) //nolint:errcheck // the output keeps it
	if failed := report.Failed(); err == nil && failed > 0 {
		return host.WithRemedy(message.Count(failed, "%d of %d packages does not meet the requirements",
			"%d of %d packages do not meet the requirements", failed, len(pins)).AsError(),
			"correct the repository, or add one that has the packages; podsec-k8s deps list says why each is needed")
	}
	return err
}

// pinsOf reads the flags of depsFlags.
func pinsOf(c *cli.Context) ([]deps.Pin, error) {
	pins, err := deps.Pins(c.String("kubernetes"))
	if err != nil {
		return nil, misuse("flag --kubernetes: %w", err)
	}
	return pins, nil
}
