package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// makeTask makes the node, or shows what would be done.
var makeTask = task[nodeRequest]{name: "make", handle: makeNode}

func makeNode(ctx context.Context, p *printer, request nodeRequest) error {
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
	if request.Restore != nil {
		facts = facts.WithVersions(ctx)
	}
	if plan, err = request.plan(site, facts); err != nil {
		return plan, nil, err
	}
	archives, file := request.files()
	plan.Archives, plan.Backup = images.ReadArchives(request.Options.Archives, archives), file
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

// showPlan prints what a dry run would have done. A token is not shown.
func showPlan(p *printer, request nodeRequest, plan usernetes.Plan) error {
	for i, phase := range request.phases() {
		p.say("[%d] %s", i+1, phase.Title)
	}
	config := string(plan.Config)
	if request.Join != nil {
		for _, secret := range []string{request.Join.Token, request.Join.CertificateKey} {
			if secret != "" {
				config = strings.ReplaceAll(config, secret, "…")
			}
		}
	}
	kubeadm, _ := request.commands()
	p.say("\nThe configuration for kubeadm %s %s:\n%s", kubeadm, strings.Join(plan.Pass, " "), config)
	return nil
}

// A nodeState is how far the node of this machine is.
type nodeState struct{ Begun, Finished bool }

// stateQuestion asks how far the node is. A request for another node than the one
// that there is, is a fault; nil is none.
var stateQuestion = question[*nodeRequest, nodeState]{
	name: "status", timeout: 30 * time.Second, handle: findState,
	check: func(nodeState) error { return nil },
}

func findState(_ context.Context, request *nodeRequest) (s nodeState, err error) {
	if s.Finished, err = steps.Finished(); err != nil {
		return s, err
	}
	if request != nil {
		if err := usernetes.CheckMade(request.Options, request.Join); err != nil {
			return s, err
		}
	}
	_, err = node.LoadNode()
	s.Begun = !errors.Is(err, fs.ErrNotExist)
	return s, nil
}

// accessQuestion asks for what is needed to talk to the node's cluster.
var accessQuestion = question[nothing, usernetes.NodeAccess]{
	name: "access", timeout: 30 * time.Second,
	handle: func(context.Context, nothing) (usernetes.NodeAccess, error) { return usernetes.AskAccess() },
	check: func(node usernetes.NodeAccess) error {
		if err := node.Check(); err != nil {
			return message.Errorf("checking the node's data about its cluster: %w", err)
		}
		return nil
	},
}
