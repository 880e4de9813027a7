package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func certsCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "certs",
		Usage: p.help("shows and renews the certificates of this node and its cluster"),
		Subcommands: []*cli.Command{
			{
				Name: "status", Usage: p.help("lists the certificates, and how long each is valid"),
				Description: p.help("Root's kubeconfigs that podsec-k8s wrote are listed too.\n\n"+
					"Exit status:\n"+
					"  0  all certificates are valid for more than 30 days\n"+
					"  1  a certificate has expired, will expire soon or cannot be read\n"+
					"  3  this machine has no certificates of a cluster") +
					p.examples("podsec-k8s certs status", "podsec-k8s certs status -o json"),
				Flags:  []cli.Flag{outputFlag(p)},
				Action: func(c *cli.Context) error { return showCertificates(c, p) },
			},
			renewCommand(p),
		},
	}
}

// certsQuestion asks for the certificates that the node has.
var certsQuestion = question[nothing, []certs.Certificate]{
	name: "certs", timeout: 30 * time.Second,
	handle: func(context.Context, nothing) ([]certs.Certificate, error) { return certs.Read(), nil },
	check: func(all []certs.Certificate) error {
		for _, c := range all {
			if err := c.Check(); err != nil {
				return err
			}
		}
		return nil
	},
}

// showCertificates is root's part of it.
func showCertificates(c *cli.Context, p *printer) error {
	all, err := certsQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	own, err := ownCertificates()
	if err != nil {
		return err
	}
	all = append(all, own...)
	now := time.Now()
	if err := answer(c, p, certificatesOf(all, now), func() { printCertificates(p, all, now) }); err != nil {
		return err
	}
	if len(all) == 0 {
		return &childStatus{exitNoNode}
	}
	for _, one := range all {
		if one.StateAt(now) != certs.Good {
			return &childStatus{exitFault}
		}
	}
	return nil
}

// ownCertificates reads those in the kubeconfigs that we wrote for root.
func ownCertificates() (all []certs.Certificate, err error) {
	notes, err := loadNotes()
	if err != nil {
		return nil, err
	}
	for _, place := range writtenPlaces(notes) {
		access, ours := readOwn(place)
		if !ours {
			continue
		}
		c, err := certs.Parse(access.Cert)
		if err != nil {
			c.Fault = message.OfError(err)
		}
		c.Name, c.Path, c.Keeper = place, place, certs.KeptByUs
		all = append(all, c)
	}
	return all, nil
}

// ownProblems says what is wrong with these, for the status of the node.
func ownProblems(now time.Time) (faults, warnings []node.Problem, err error) {
	all, err := ownCertificates()
	bad, soon := certs.Problems(all, now)
	for _, f := range bad {
		faults = append(faults, node.NewProblem(f))
	}
	for _, f := range soon {
		warnings = append(warnings, node.NewProblem(f))
	}
	return faults, warnings, err
}

func printCertificates(p *printer, all []certs.Certificate, now time.Time) {
	if len(all) == 0 {
		p.say("This machine has no certificates of a cluster.")
	}
	for _, c := range all {
		p.certificate(c, now)
	}
}

// certificate says how one is, on one line.
func (p *printer) certificate(c certs.Certificate, now time.Time) {
	state := c.StateAt(now)
	if state == certs.Unreadable {
		p.say("%-25s CANNOT BE READ: %s", c.Name, c.Fault)
		return
	}
	days := c.DaysLeft(now)
	left := message.Count(days, "%d day left", "%d days left", days)
	switch state {
	case certs.Expired:
		left = message.Of("EXPIRED")
	case certs.Ending:
		left = message.Of("%s: EXPIRES SOON", left)
	case certs.Good, certs.Unreadable:
	}
	if c.Elsewhere {
		left = message.Of("%s (its certificate authority is not on this machine)", left)
	}
	p.say("%-25s %s  %s", c.Name, c.Ends.Local().Format("2006-01-02 15:04"), left)
}
