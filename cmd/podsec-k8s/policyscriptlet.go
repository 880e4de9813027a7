package main

import (
	"context"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// runPolicyStage is what the scriptlets of podsec-k8s-network-policy do. The package
// changes nothing of the host that would have to be undone: modules stay loaded until the
// next boot.
func runPolicyStage(ctx context.Context, p *printer, stage scriptlets.Stage) error {
	switch stage {
	case scriptlets.Install, scriptlets.Upgrade:
		if err := (host.Modules{Names: units.PolicyModules()}).Apply(ctx, localHost(p)); err != nil {
			return err
		}
		if err := askRunning(ctx, &policyTask, policyRequest{Enforce: true}); err != nil {
			p.aside("podsec-k8s: warning: NetworkPolicies are not enforced: %s; do it later: %s",
				err, "systemctl --user -M "+node.Admin+"@ restart "+units.Policy)
		}
	case scriptlets.Erase:
		if err := askRunning(ctx, &policyTask, policyRequest{}); err != nil {
			p.aside("podsec-k8s: warning: the rules of NetworkPolicies stay until the node restarts: %s; do it: %s", err, host.RestartNode)
		}
	case scriptlets.Replaced, scriptlets.Erased, scriptlets.ReplacedBy:
	}
	return nil
}

// A policyRequest is whether the node is to enforce NetworkPolicies.
type policyRequest struct{ Enforce bool }

// policyTask lets a node that runs enforce them, or takes their rules away. A package
// manager waits for it.
var policyTask = task[policyRequest]{
	name: "network-policy", timeout: 30 * time.Second,
	handle: func(ctx context.Context, _ *printer, r policyRequest) error {
		if r.Enforce {
			return usernetes.EnforcePolicies(ctx)
		}
		return usernetes.DropPolicies(ctx)
	},
}
