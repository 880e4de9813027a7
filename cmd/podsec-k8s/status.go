package main

import (
	"encoding/json"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

func statusCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "shows the node of this machine: its services and published ports",
		Description: "Exit status: 0 all is well, 1 something is not as it should be, 3 there is no node on this machine.\n\n" +
			"Example: podsec-k8s status -o json",
		Flags: []cli.Flag{outputFlag()},
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
				o.Faults = append(o.Faults, lines...)
			}
			o.Faults = append(o.Faults, machineFaults(c.Context, o)...)
			return showOverview(p, o, c.String("output"))
		},
	}
}

func nodeOverview(c *cli.Context) error {
	o, err := status.Get(c.Context)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(o)
}

// showOverview prints it; an unhealthy node is an exit status with no words
// of its own, for they are in the lines.
func showOverview(p *printer, o status.Status, form string) error {
	if form != formJSON {
		printOverview(p, o)
	} else if err := encodeOverview(p, o); err != nil {
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
		p.say("FAULT: %s", p.words.text(f.Fault))
		if f.Remedy != "" {
			p.say("  %s: %s", p.words.text("remedy"), p.words.text(f.Remedy))
		}
	}
	for _, w := range o.Warnings {
		p.say("WARNING: %s", p.words.text(w.Fault))
		if w.Remedy != "" {
			p.say("  %s: %s", p.words.text("remedy"), p.words.text(w.Remedy))
		}
	}
}

// encodeOverview prints it as JSON; where there is no node, that alone.
func encodeOverview(p *printer, o status.Status) error {
	if o.State == status.StateNone {
		return json.NewEncoder(p.out).Encode(map[string]string{"state": o.State})
	}
	return json.NewEncoder(p.out).Encode(o)
}

func printOverview(p *printer, o status.Status) {
	if o.State == status.StateNone {
		p.say("There is no node on this machine yet: podsec-k8s-create-master or podsec-k8s join")
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
		case port.Fault != "":
			p.say("port %s of %s: NOT OPEN: %s", port.Port, port.For, p.words.text(port.Fault))
		case port.Note != "":
			p.say("port %s of %s: open, but: %s", port.Port, port.For, p.words.text(port.Note))
		default:
			p.say("port %s of %s: open", port.Port, port.For)
		}
	}
}

func printUnit(p *printer, u status.UnitStatus) {
	p.say("%-40s %s", u.Unit, p.words.text(u.State))
	if u.Fault != "" {
		p.say("  FAULT: %s", p.words.text(u.Fault))
	}
	if u.Error != "" {
		p.say("  its last error: %s", u.Error)
		p.say("  %s: %s", p.words.text("remedy"), status.LogOf(u.Unit))
	}
}
