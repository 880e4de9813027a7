package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// maxConfigFile is how many bytes a kubeadm configuration may have: the cluster keeps
// no more in one object.
const maxConfigFile = 1 << 20

func configCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: p.help("compares the node with the configuration of its cluster, or changes both"),
		Description: p.help("FILE is a kubeadm configuration with one or more of ClusterConfiguration, KubeletConfiguration and KubeProxyConfiguration. It has only the fields that change; null removes a field.") +
			p.examples("podsec-k8s config diff", "podsec-k8s config apply kubelet.yaml"),
		Subcommands: []*cli.Command{
			{
				Name: "diff", Usage: p.help("shows what differs on this node"), ArgsUsage: "[FILE]",
				Description: p.help("With FILE, it shows what config apply FILE would change on this node.\n\n"+
					"Exit status:\n"+
					"  0  the node has the settings of the configuration\n"+
					"  1  something differs") +
					p.examples("podsec-k8s config diff", "podsec-k8s config diff kubelet.yaml -o json"),
				Flags:  []cli.Flag{outputFlag(p)},
				Action: func(c *cli.Context) error { return showConfig(c, p) },
			},
			{
				Name: "apply", Usage: p.help("changes the settings, and restarts what has other ones"), ArgsUsage: "[FILE]",
				Description: p.help("With FILE, on a control plane, it changes the configuration of the cluster and this node. Without FILE, this node takes over the configuration of the cluster. "+
					"Components that have other settings are restarted; pods keep running. If one does not start, all of them get the previous settings again, and the cluster's configuration stays.") +
					p.examples("podsec-k8s config apply kubelet.yaml", "podsec-k8s config apply"),
				Action: func(c *cli.Context) error { return applyConfig(c, p) },
			},
		},
	}
}

// configTask brings the node in line with its configuration.
var configTask = task[usernetes.ConfigRequest]{
	name: "apply-config",
	handle: func(ctx context.Context, _ *printer, r usernetes.ConfigRequest) error {
		return usernetes.ApplyConfig(ctx, r)
	},
}

// configQuestion asks what differs.
var configQuestion = question[usernetes.ConfigRequest, usernetes.ConfigState]{
	name: "config", timeout: 2 * time.Minute,
	handle: usernetes.AskConfig,
	check:  usernetes.ConfigState.Check,
}

// configRequest reads the file of a call, if it names one.
func configRequest(c *cli.Context) (r usernetes.ConfigRequest, err error) {
	if err := requireRoot(); err != nil || !c.Args().Present() {
		return r, err
	}
	file, err := os.Open(c.Args().First())
	if err != nil {
		return r, message.Errorf("reading the kubeadm configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	r.File, err = io.ReadAll(io.LimitReader(file, maxConfigFile+1))
	if err == nil && (len(r.File) == 0 || len(r.File) > maxConfigFile) {
		err = message.Errorf("%q has %d bytes, not 1 to %d", c.Args().First(), len(r.File), maxConfigFile)
	}
	if err != nil {
		return r, message.Errorf("reading the kubeadm configuration: %w", err)
	}
	return r, nil
}

func showConfig(c *cli.Context, p *printer) error {
	r, err := configRequest(c)
	if err != nil {
		return err
	}
	state, err := configQuestion.ask(c.Context, r)
	if err != nil {
		return err
	}
	err = answer(c, p, configOf(state), func() {
		for _, d := range state.Differences {
			p.difference(d)
		}
		if len(state.Differences) == 0 {
			p.say("the node has the settings of the configuration")
		}
	})
	if err == nil && len(state.Differences) > 0 {
		return &childStatus{exitFault}
	}
	return err
}

// difference prints a setting as diff does: what the node has, and what it is to have.
func (p *printer) difference(d usernetes.Difference) {
	for _, line := range []struct{ sign, value string }{{"-", d.Node}, {"+", d.Config}} {
		if line.value != "" {
			p.say("%s %s %s: %s", line.sign, host.Printable(d.Part), host.Printable(d.Name), host.Printable(line.value))
		}
	}
}

// applyConfig is root's part of it.
func applyConfig(c *cli.Context, p *printer) error {
	r, err := configRequest(c)
	if err != nil {
		return err
	}
	return alone(c, p, func() error {
		// What keeps it from being known is told by the task, which first undoes what a
		// run that was cut has begun.
		state, _ := configQuestion.askBeside(c.Context, r, io.Discard)
		for _, d := range state.Differences {
			p.difference(d)
		}
		begun := time.Now()
		p.say("Applying the configuration, and restarting what has other settings …")
		if err := configTask.runScoped(c.Context, r); err != nil {
			p.configWords(c.Context, state.Differences, begun)
			return err
		}
		return sayConfig(c.Context, p, r)
	})
}

// configWords shows the last errors of the parts that were to have other settings.
func (p *printer) configWords(ctx context.Context, differences []usernetes.Difference, since time.Time) {
	for _, name := range append(staticpod.Components(), "kubelet", "kube-proxy") {
		if slices.ContainsFunc(differences, func(d usernetes.Difference) bool { return d.Part == name }) {
			p.lastWords(ctx, units.Component(name), since)
		}
	}
}

// sayConfig says what is so now, and what is left to do.
func sayConfig(ctx context.Context, p *printer, r usernetes.ConfigRequest) error {
	state, err := configQuestion.ask(ctx, usernetes.ConfigRequest{})
	if err != nil {
		return err
	}
	p.say("the node has the settings of the configuration")
	if len(r.File) > 0 && len(state.Others) > 0 {
		p.say("On the other nodes, run podsec-k8s config apply: %s", strings.Join(state.Others, ", "))
	}
	return nil
}
