package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/usernetes"
)

// nodeCommand is the half of a command that runs as u7s-admin. Root calls it
// with what it may not touch itself.
func nodeCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "node", Usage: "the half of a command that u7s-admin runs", Hidden: true,
		Subcommands: []*cli.Command{
			{Name: "create-master", Action: func(c *cli.Context) error { return nodeCreateMaster(c.Context, p) }},
			{Name: "reset", Action: func(c *cli.Context) error { return usernetes.Reset(c.Context, os.Stdout) }},
			{Name: "status", Action: nodeStatus},
			{Name: "access", Action: nodeAccess},
			{Name: "reload", Action: func(c *cli.Context) error { return usernetes.ReloadUnits(c.Context) }},
		},
	}
}

// unitCommand is what the user units run.
func unitCommand() *cli.Command {
	return &cli.Command{
		Name: "unit", Usage: "what a unit u7s-NAME runs", ArgsUsage: "NAME", Hidden: true,
		Action: func(c *cli.Context) error { return usernetes.RunUnit(c.Context, c.Args().First()) },
	}
}

// A masterRequest is what root asks of u7s-admin for create-master.
type masterRequest struct {
	Options usernetes.MasterOptions
	Faults  []preflightFault // what root has found already
	DryRun  bool
}

// A preflightFault is a finding on its way from root to u7s-admin.
type preflightFault struct{ Check, Err, Remedy string }

func nodeCreateMaster(ctx context.Context, p *printer) error {
	var request masterRequest
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		return fmt.Errorf("reading what root asks for: %w", err)
	}
	plan, findings, err := planMaster(ctx, request)
	if err != nil {
		return err
	}
	if err := report(p, findings); err != nil {
		return err
	}
	if request.DryRun {
		return showPlan(p, plan)
	}
	plan.Files = inherited(len(plan.Archives))
	return usernetes.CreateMaster(ctx, plan, p, newKubeadmFilter(os.Stdout))
}

func planMaster(ctx context.Context, request masterRequest) (usernetes.Plan, []usernetes.Finding, error) {
	site, err := usernetes.LoadSite(usernetes.SiteDir)
	if err != nil {
		return usernetes.Plan{}, nil, err
	}
	facts := usernetes.GatherFacts(ctx)
	plan, err := usernetes.PlanMaster(site, facts, request.Options)
	if err != nil {
		return plan, nil, err
	}
	help, err := usernetes.KubeadmHelp(ctx, "init")
	if err != nil {
		return plan, nil, err
	}
	if err := plan.CheckFlags(help); err != nil {
		return plan, nil, wrongUsage("podsec-k8s-create-master", err)
	}
	facts = facts.WithPorts(plan.Node)
	findings := usernetes.Preflight(usernetes.MasterChecks(), facts, plan.Node, request.Options.Ignore)
	return plan, append(fromRoot(request.Faults), findings...), nil
}

// inherited gives the files that root has opened for this process.
func inherited(count int) []*os.File {
	files := make([]*os.File, count)
	for i := range files {
		files[i] = os.NewFile(uintptr(3+i), "archive")
	}
	return files
}

func nodeStatus(*cli.Context) error {
	finished, err := usernetes.Finished()
	if err != nil {
		return err
	}
	_, err = usernetes.LoadNode()
	return json.NewEncoder(os.Stdout).Encode(nodeState{Begun: !errors.Is(err, fs.ErrNotExist), Finished: finished})
}

// A nodeState is how far the node of this machine is.
type nodeState struct{ Begun, Finished bool }

// nodeAccess hands the administrator's access to root, over a pipe.
func nodeAccess(c *cli.Context) error {
	access, err := usernetes.AdminAccess()
	if err != nil {
		return err
	}
	join, err := usernetes.JoinCommand(c.Context)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(masterAnswer{access, join})
}

// A masterAnswer is what root needs of a finished control plane.
type masterAnswer struct {
	Access usernetes.Access
	Join   string // arguments for joining
}
