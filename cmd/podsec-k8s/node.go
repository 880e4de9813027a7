package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/guard"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// nodeCommand is the half of a command that runs as u7s-admin. Root calls it
// with what it may not touch itself.
func nodeCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "node", Usage: "the half of a command that u7s-admin runs", Hidden: true,
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
			{Name: "reload", Action: func(c *cli.Context) error { return guard.ReloadUnits(c.Context) }},
		},
	}
}

// unitCommand is what the user units run.
func unitCommand() *cli.Command {
	return &cli.Command{
		Name: "unit", Usage: "what a unit u7s-NAME runs", ArgsUsage: "NAME [ABOUT]", Hidden: true,
		Action: func(c *cli.Context) error {
			err := usernetes.RunUnit(c.Context, c.Args().First(), c.Args().Get(1))
			if err != nil {
				err = errors.Join(err, host.Status(host.Printable(err.Error()))) // for whoever asks systemd
			}
			return err
		},
	}
}

// readRequest reads what root asks for, as JSON.
func readRequest(request any) error {
	if err := json.NewDecoder(os.Stdin).Decode(request); err != nil {
		return fmt.Errorf("reading what root asks for: %w", err)
	}
	return nil
}

// A nodeRequest is what root asks of u7s-admin for a node.
type nodeRequest struct {
	Options usernetes.Options
	Join    *kubeadm.JoinRequest // nil for a control plane
	Faults  []preflightFault     // what root has found already
	Mode    string               // of the network, by the call or the site
	DryRun  bool
	Check   bool // look at the machine, and leave it at that
}

// A preflightFault is a finding on its way from root to u7s-admin.
type preflightFault struct {
	Check, Err, Remedy string
	Required           bool `json:",omitempty"` // it can't be passed over
}

// commands names the kubeadm command that the request comes to, and ours.
func (r nodeRequest) commands() (kubeadm, ours string) {
	if r.Join != nil {
		return "join", "podsec-k8s join"
	}
	return "init", createMasterName
}

func (r nodeRequest) plan(site node.Site, f preflight.Facts) (usernetes.Plan, error) {
	if r.Join != nil {
		return usernetes.PlanJoin(site, f, r.Options, *r.Join)
	}
	return usernetes.PlanMaster(site, f, r.Options)
}

func (r nodeRequest) phases() []usernetes.Phase {
	if r.Join != nil {
		return usernetes.JoinPhases()
	}
	return usernetes.MasterPhases()
}

// misused makes a fault of the configuration wrong usage where flags have a part
// in it.
func (r nodeRequest) misused(err error) error {
	var f *host.Fault
	if len(r.Options.Flags) == 0 || !errors.As(err, &f) {
		return err
	}
	return &node.Misuse{Fault: *f}
}

// A resetRequest is what root asks of u7s-admin for a reset.
type resetRequest struct{ Force bool }

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
	if request.Check { // the run itself tells of warnings
		findings = slices.DeleteFunc(findings, func(f preflight.Finding) bool { return f.Warning })
	}
	if err := report(p, findings); err != nil {
		return err
	}
	if err := plan.CheckConfig(ctx); err != nil {
		return request.misused(err)
	}
	switch {
	case request.Check:
		return nil
	case request.DryRun:
		return showPlan(p, request, plan)
	}
	return usernetes.Make(ctx, request.phases(), plan, p, newKubeadmFilter(os.Stdout))
}

func planNode(ctx context.Context, request nodeRequest) (usernetes.Plan, []preflight.Finding, error) {
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return usernetes.Plan{}, nil, err
	}
	facts := preflight.GatherFacts(ctx).WithSite(ctx, site)
	plan, err := request.plan(site, facts)
	if err != nil {
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
	facts = facts.WithPorts(plan.Node).WithImages(ctx, plan.Node, plan.Images, plan.Archives)
	checks := preflight.Checks()
	if request.Join != nil {
		facts, checks = facts.WithCluster(ctx, request.Join.Endpoint), preflight.JoinChecks()
		facts = facts.WithClusterConfig(ctx, *request.Join)
	}
	facts = facts.WithFiles(plan.Node, plan.Config)
	findings := preflight.Run(checks, facts, plan.Node, request.Options.Ignore)
	warnings := preflight.Warnings(facts, request.Options.Ignore)
	return plan, slices.Concat(fromRoot(request.Faults, request.Options.Ignore), findings, warnings), nil
}

// inherited returns the files that root has opened for this process.
func inherited(count int) []*os.File {
	files := make([]*os.File, count)
	for i := range files {
		unix.CloseOnExec(3 + i)
		files[i] = os.NewFile(uintptr(3+i), "archive")
	}
	return files
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

// A nodeState is how far the node of this machine is.
type nodeState struct{ Begun, Finished bool }

// nodeAccess hands the administrator's access to root, over a pipe.
func nodeAccess(*cli.Context) error {
	answer, err := usernetes.AskAccess()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}
