package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// installLine is what to type to install a version.
func installLine(ctx context.Context, from, to string) string {
	was, errWas := upgrade.ParseVersion(from)
	will, errWill := upgrade.ParseVersion(to)
	if errors.Join(errWas, errWill) == nil && !was.SameMinor(will) {
		return "apt-get update && apt-get install podsec-k8s"
	}
	return "apt-get update && apt-get install " + strings.Join(kubernetesPackages(ctx), " ")
}

// kubernetesPackages lists the packages that the installed programs are of, as rpm calls
// them. Source: rpm(8), "--queryformat".
func kubernetesPackages(ctx context.Context) []string {
	args := []string{"-qf", "--queryformat", "%{NAME}\n"}
	for _, name := range append(versionedPrograms(), "kubeadm", "kubectl") {
		for _, place := range installedPlaces() {
			if exists(place + "/" + name) {
				args = append(args, place+"/"+name)
			}
		}
	}
	out, err := host.Command{Name: "rpm", Path: "/usr/bin/rpm", Args: args, Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}}.Output(ctx)
	names := strings.Fields(string(out))
	if err != nil || len(names) == 0 {
		return []string{"kubernetes-kubeadm", "kubernetes-kubelet", "kubernetes-master", "kubernetes-node", "kubernetes-client"}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// An upgradePlan is what podsec-k8s upgrade plan says.
type upgradePlan struct {
	typed
	Node       string               `json:"node"`
	Version    string               `json:"version"`             // of this node
	Cluster    string               `json:"cluster"`             // of the cluster's configuration
	Installed  string               `json:"installed"`           // by packages, on this node
	Target     string               `json:"target,omitempty"`    // where the next step leads to
	Next       string               `json:"nextMinor,omitempty"` // that podsec-k8s knows
	Unfinished string               `json:"unfinished,omitempty"`
	RollbackTo string               `json:"rollbackTo,omitempty"`
	Nodes      []upgrade.Member     `json:"nodes"`
	Steps      []planStep           `json:"steps"`
	Obstacles  []problemAnswer      `json:"obstacles"`
	Deprecated []upgrade.Deprecated `json:"deprecated"` // what is asked for, and gone in the target or the next minor

	faults []node.Problem // the obstacles
}

// A planStep is what to type on a node.
type planStep struct {
	Node    string `json:"node"`
	Command string `json:"command"`
}

// planUpgrade says what to do.
func planUpgrade(c *cli.Context, p *printer) error {
	if err := requireRoot(); err != nil {
		return err
	}
	s, err := upgradeQuestion.ask(c.Context, nothing{})
	if err != nil {
		return err
	}
	installed, mixed, err := installedVersion(c.Context)
	if err != nil {
		return err
	}
	plan := upgradePlan{typed: typed{"UpgradePlan", apiVersion}, Node: s.Name, Version: s.Version, Cluster: s.Cluster, Installed: installed, Nodes: append([]upgrade.Member{}, s.Nodes...)}
	plan.fill(c.Context, s, mixed)
	return answer(c, p, plan, func() { p.plan(plan) })
}

// fill decides where the next step leads to, and what comes of that.
func (a *upgradePlan) fill(ctx context.Context, s upgrade.State, mixed error) {
	a.Steps, a.Obstacles, a.Deprecated = []planStep{}, []problemAnswer{}, []upgrade.Deprecated{}
	a.Next = nextMinor(s.Cluster)
	switch {
	case s.Record.Unfinished():
		a.Unfinished = s.Record.To
		a.Steps = []planStep{{s.Name, "podsec-k8s upgrade resume"}}
		return
	case s.Record.Finished:
		a.RollbackTo = s.Record.From
	}
	a.Target = s.Cluster
	if a.Installed != s.Cluster && s.ControlPlane {
		a.Target = a.Installed
	}
	a.steps(ctx, s)
	faults := []error{mixed, upgrade.CheckStep(s.Cluster, a.Target), s.CheckNodes(a.Target)}
	if o, err := lookOver(ctx); err != nil || !o.Healthy() {
		faults = append(faults, err, host.NewFault("see what is wrong, and mend it first: podsec-k8s status", "this node is not healthy"))
	}
	for _, err := range faults {
		if err != nil {
			a.faults = append(a.faults, node.NewProblem(err))
		}
	}
	a.Obstacles = problemAnswers(a.faults)
	reach := a.Target
	if a.Next != "" {
		reach = "v" + a.Next + ".0"
	}
	if v, err := upgrade.ParseVersion(reach); err == nil {
		a.Deprecated = append(a.Deprecated, upgrade.GoneBy(s.Deprecated, v)...)
	}
}

// nextMinor is the minor after a version's, if this podsec-k8s knows it.
func nextMinor(version string) string {
	v, err := upgrade.ParseVersion(version)
	if err != nil {
		return ""
	}
	for _, m := range deps.Minors() {
		if other, err := upgrade.ParseVersion("v" + m.Version + ".0"); err == nil && other.Major == v.Major && other.Minor == v.Minor+1 {
			return m.Version
		}
	}
	return ""
}

// steps lists what to type, the first control plane first.
func (a *upgradePlan) steps(ctx context.Context, s upgrade.State) {
	add := func(on, command string) { a.Steps = append(a.Steps, planStep{on, command}) }
	install := installLine(ctx, s.Version, a.Target)
	if a.Target == s.Cluster && s.Version == a.Target {
		if left := s.Behind(); len(left) > 0 {
			for _, m := range left {
				add(m.Name, installLine(ctx, m.Version, a.Target))
				add(m.Name, "podsec-k8s upgrade node")
			}
			return
		}
		add(s.Name, install)
		return
	}
	if a.Installed != a.Target {
		add(s.Name, install)
	}
	if a.Target == s.Cluster {
		add(s.Name, "podsec-k8s upgrade node")
		return
	}
	add(s.Name, "podsec-k8s upgrade apply "+a.Target)
	for _, plane := range []bool{true, false} {
		for _, m := range s.Nodes {
			if m.Name != s.Name && m.ControlPlane == plane {
				add(m.Name, install)
				add(m.Name, "podsec-k8s upgrade node")
			}
		}
	}
}

// plan prints it.
func (p *printer) plan(a upgradePlan) {
	p.say("Cluster: Kubernetes %s", a.Cluster)
	p.say("This node, %s: Kubernetes %s; installed: %s", a.Node, a.Version, a.Installed)
	for _, m := range a.Nodes {
		p.say("  %-30s %s", m.Name, m.Version)
	}
	if a.Unfinished != "" {
		p.say("The upgrade of this node to Kubernetes %s is not complete.", a.Unfinished)
	}
	if a.RollbackTo != "" {
		p.say("This node can go back to Kubernetes %s until its next upgrade begins: podsec-k8s upgrade rollback", a.RollbackTo)
	}
	if a.Next != "" {
		p.say("The next minor version is %s; it comes with another podsec-k8s: apt-get install podsec-k8s", a.Next)
	}
	p.say("\nWhat to type, in this order:")
	for _, step := range a.Steps {
		p.say("  on %s: %s", step.Node, step.Command)
	}
	printFaults(p, status.Status{Faults: a.faults})
	for _, d := range a.Deprecated {
		p.say("WARNING: %s", message.Of("%s is in use, and Kubernetes %s does not have it any more", d, d.Removed))
	}
}
