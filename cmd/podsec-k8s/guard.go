package main

import (
	"context"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// guardNode lets kubelet.service guard a node that was made, now and from boot
// on.
func guardNode(ctx context.Context, p *printer) error {
	h := localHost(p)
	unit, err := h.Loaded(ctx, units.Guard)
	if err != nil {
		return err
	}
	if err := scriptlets.NodePlan().Apply(ctx, h); err != nil {
		return err
	}
	if !strings.HasPrefix(unit.Enabled, "enabled") {
		p.say("kubelet.service is enabled now: it starts the node at boot")
	}
	return startGuard(ctx, h)
}

// startGuard starts the guard. A unit that is active already would go on with
// whatever it runs.
func startGuard(ctx context.Context, h *host.Host) error {
	unit, err := h.Loaded(ctx, units.Guard)
	if err != nil {
		return err
	}
	if unit.PID != 0 && !scriptlets.IsGuard(h.Commandline(unit.PID)) {
		return withGuard(ctx, (*host.Manager).Restart)
	}
	return withGuard(ctx, (*host.Manager).Start)
}

// disabledGuard returns the fault of a machine whose node does not start at boot,
// or nil.
func disabledGuard(ctx context.Context, h *host.Host) (*host.Fault, error) {
	if has, err := hasCluster(); err != nil || !has {
		return nil, err
	}
	unit, err := h.Loaded(ctx, units.Guard)
	if err != nil {
		return nil, err
	}
	return status.NotAtBoot(host.UnitFileState(unit.Enabled)), nil
}

// guardCutNode finishes a run that was cut after the node was made and before it
// was guarded. Later it changes nothing: who has stopped or disabled
// kubelet.service since meant it.
func guardCutNode(ctx context.Context, p *printer) error {
	made, err := host.Made(localHost(p))
	if err != nil {
		return err
	}
	if slices.ContainsFunc(made, func(c host.Change) bool { return c.Key() == units.GuardLink }) {
		return nil
	}
	return guardNode(ctx, p)
}

// rootFindings looks at what only root may look at before a node is made.
func rootFindings(ctx context.Context, p *printer, state nodeState) (faults []preflightFault, err error) {
	h := localHost(p)
	found, err := hostFindings(ctx, h)
	if err != nil {
		return nil, err
	}
	has, err := hasCluster()
	if err != nil {
		return nil, err
	}
	if has && !state.Begun {
		found = append(found, scriptlets.HiddenFinding(h)...)
	}
	rootful, unused := scriptlets.RootfulFinding(h)
	if rootful != nil {
		found = append(found, *rootful)
	}
	if len(unused) > 0 {
		p.say("These files of another node are not used and stay as they are, because a rootless node has its own: %s", strings.Join(unused, ", "))
	}
	for _, f := range found {
		faults = append(faults, preflightFault{Check: f.Check, Err: f.Fault.Say(), Remedy: f.Fault.Remedy, Required: f.Required()})
	}
	return faults, nil
}

// hostLines are the findings of a host that has a node, for its status.
func hostLines(ctx context.Context, p *printer) (lines []node.Problem, err error) {
	found, err := hostFindings(ctx, localHost(p))
	for _, f := range found {
		lines = append(lines, node.Problem{Fault: f.Fault.Say(), Remedy: f.Fault.Remedy})
	}
	return lines, err
}
