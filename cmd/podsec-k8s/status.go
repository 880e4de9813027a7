package main

import (
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

func statusCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: p.help("shows this machine's node, its services and published ports"),
		Description: p.help("Exit status:\n"+
			"  0  the node is healthy\n"+
			"  1  something is wrong\n"+
			"  3  there is no node on this machine") +
			p.examples("podsec-k8s status", "podsec-k8s status -o json"),
		Flags: []cli.Flag{outputFlag(p)},
		Action: func(c *cli.Context) error {
			o, err := lookOver(c.Context)
			if err != nil {
				return err
			}
			if o.State != status.StateNone {
				lines, err := hostLines(c.Context, p)
				if err != nil {
					return err
				}
				faults, warnings, err := ownProblems(time.Now())
				if err != nil {
					return err
				}
				o.Faults = slices.Concat(o.Faults, lines, faults)
				o.Warnings = append(o.Warnings, warnings...)
				if o, err = withUpgrade(c.Context, o); err != nil {
					return err
				}
			}
			o.Faults = append(o.Faults, machineFaults(c.Context, o)...)
			return showStatus(c, p, o)
		},
	}
}

// showStatus prints it; an unhealthy node is an exit status with no words
// of its own, for they are in the lines.
func showStatus(c *cli.Context, p *printer, o status.Status) error {
	if err := answer(c, p, answerOf(o), func() { printStatus(p, o) }); err != nil {
		return err
	}
	switch {
	case o.State == status.StateNone:
		return &childStatus{exitNoNode}
	case !o.Healthy():
		return &childStatus{exitFault}
	}
	return nil
}

func printFaults(p *printer, o status.Status) {
	for _, f := range o.Faults {
		p.say("FAULT: %s", f.Fault)
		printRemedy(p, f.Remedy)
	}
	for _, w := range o.Warnings {
		p.say("WARNING: %s", w.Fault)
		printRemedy(p, w.Remedy)
	}
}

func printRemedy(p *printer, remedy message.Text) {
	if !remedy.Empty() {
		p.say("  remedy: %s", remedy)
	}
}

func printStatus(p *printer, o status.Status) {
	if o.State == status.StateNone {
		p.say("There is no node on this machine yet. To create one: podsec-k8s-create-master or podsec-k8s join")
		return
	}
	switch {
	case o.Name == "": // only the rest of one
	case o.Master:
		p.say("Node %s, address %s, network %s, Kubernetes %s, control plane", o.Name, o.Address, o.Network, o.Kubernetes)
	default:
		p.say("Node %s, address %s, network %s, Kubernetes %s, worker", o.Name, o.Address, o.Network, o.Kubernetes)
	}
	printFaults(p, o)
	for _, u := range o.Units {
		printUnit(p, u)
	}
	for _, port := range o.Ports {
		switch {
		case !port.Fault.Empty():
			p.say("port %s of %s: NOT OPEN: %s", port.Port, port.For, port.Fault)
		case !port.Note.Empty():
			p.say("port %s of %s: open, but: %s", port.Port, port.For, port.Note)
		default:
			p.say("port %s of %s: open", port.Port, port.For)
		}
	}
}

func printUnit(p *printer, u status.UnitStatus) {
	p.say("%-40s %s", u.Unit, u.State)
	if !u.Fault.Empty() {
		p.say("  FAULT: %s", u.Fault)
	}
	if u.Error != "" {
		p.say("  its last error: %s", u.Error)
		printRemedy(p, message.Plain(status.LogOf(u.Unit)))
	}
}
