package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/guard"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// nodeCommand is the half of a command that runs as u7s-admin. Root calls it
// with what it may not touch itself.
func nodeCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "node", Usage: p.help("the part of a command that runs as u7s-admin"), Hidden: true,
		Subcommands: []*cli.Command{
			{Name: "make", Action: followed(func(c *cli.Context) error { return makeNode(c.Context, p) })},
			{Name: "reset", Action: followed(nodeReset)},
			{Name: "status", Action: nodeStatus},
			{Name: "access", Action: nodeAccess},
			{Name: "overview", Action: nodeOverview},
			{Name: "ticket", Action: nodeTicket},
			{Name: "list-images", Action: func(c *cli.Context) error { return nodeListImages(c) }},
			{Name: "load-images", Action: followed(func(c *cli.Context) error { return nodeLoadImages(c, p) })},
			{Name: "token", Action: nodeTokens},
			{Name: "new-token", Action: nodeToken},
			{Name: "list-tokens", Action: nodeTokenList},
			{Name: "reload", Action: func(c *cli.Context) error { return guard.ReloadUnits(c.Context) }},
		},
	}
}

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

func nodeReset(c *cli.Context) error {
	var request resetRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	return usernetes.Reset(c.Context, request.Force, os.Stdout)
}

func makeNode(ctx context.Context, p *printer) error {
	var request nodeRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	plan, findings, err := planNode(ctx, request)
	if err != nil {
		return err
	}
	if err := report(p, findings); err != nil {
		return err
	}
	if !request.Checked {
		if err := plan.CheckConfig(ctx); err != nil {
			return request.misused(err)
		}
	}
	switch {
	case request.Check:
		return nil
	case request.DryRun:
		return showPlan(p, request, plan)
	}
	return usernetes.RunPhases(ctx, request.phases(), plan, p, newKubeadmFilter(os.Stdout))
}

// planNode plans the node, and looks at the machine where nobody has yet. What the
// settings say of a proxy it reads itself: that may be secret, and the node's
// services have to read it as well.
func planNode(ctx context.Context, request nodeRequest) (plan usernetes.Plan, findings []preflight.Finding, err error) {
	site := request.Site
	if site.Proxy, err = node.LoadProxy(node.SiteDir); err != nil {
		return plan, nil, err
	}
	facts := preflight.GatherFacts(ctx).WithSite(ctx, site)
	if plan, err = request.plan(site, facts); err != nil {
		return plan, nil, err
	}
	names := request.Options.Archives
	plan.Archives = images.ReadArchives(names, inherited(len(names)))
	if plan.Images, err = plan.NeededImages(ctx); err != nil {
		if findings := preflight.IdentityFindings(facts, plan.Node, request.Options.Ignore); len(findings) > 0 {
			return plan, findings, nil
		}
		var f *host.Fault
		if !errors.As(err, &f) { // kubeadm's list of images does not say what is wrong
			err = cmp.Or(plan.CheckConfig(ctx), err)
		}
		return plan, nil, request.misused(err)
	}
	if request.Checked {
		return plan, nil, nil
	}
	facts = facts.WithPorts(plan.Node).WithImages(ctx, plan.Node, plan.Images, plan.Archives)
	checks := preflight.Checks()
	if request.Join != nil {
		facts, checks = facts.WithCluster(ctx, request.Join.Endpoint), preflight.JoinChecks()
		facts = facts.WithClusterConfig(ctx, *request.Join)
	}
	facts = facts.WithFiles(plan.Node, plan.Config)
	findings = preflight.Run(checks, facts, plan.Node, request.Options.Ignore)
	warnings := preflight.Warnings(facts, request.Options.Ignore)
	return plan, slices.Concat(fromRoot(request.Faults, request.Options.Ignore), findings, warnings), nil
}

// nodeStatus tells how far the node is. A request that asks for another node
// than the one that there is, is a fault.
func nodeStatus(*cli.Context) error {
	var request *nodeRequest
	if err := readRequest(&request); err != nil {
		return err
	}
	finished, err := steps.Finished()
	if err != nil {
		return err
	}
	if request != nil {
		if err := usernetes.CheckMade(request.Options, request.Join); err != nil {
			return err
		}
	}
	_, err = node.LoadNode()
	return json.NewEncoder(os.Stdout).Encode(nodeState{Begun: !errors.Is(err, fs.ErrNotExist), Finished: finished})
}

// nodeAccess hands the administrator's access to root, over a pipe.
func nodeAccess(*cli.Context) error {
	answer, err := usernetes.AskAccess()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
