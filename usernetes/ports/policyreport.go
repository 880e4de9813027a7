package ports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// reportPolicies tells, in an event on each and for the status command, which policies
// this node does not enforce. Each node tells of itself. It asks the API's cache.
func (p *publisher) reportPolicies(ctx context.Context) error {
	if p.admin != nil && !p.policies.visible {
		if err := netpolicy.GiveSight(ctx, p.admin); err != nil {
			return err
		}
		p.policies.visible = true
	}
	if !p.policies.absent() {
		return node.NotePolicies.Save([]node.Problem{})
	}
	var list struct {
		Items []struct{ Metadata kubeapi.Metadata }
	}
	if err := p.api.Get(ctx, withQuery(netpolicy.Policies, "resourceVersion=0"), &list); err != nil {
		return err
	}
	lines := []node.Problem{}
	if count := len(list.Items); count > 0 {
		lines = append(lines, node.NewProblem(&host.Fault{
			Err:    message.Count(count, "this node does not enforce the cluster's %d NetworkPolicy: its pods are open to all", "this node does not enforce the cluster's %d NetworkPolicies: its pods are open to all", count).AsError(),
			Remedy: message.Of("install it on every node, control planes first: apt-get install %s", netpolicy.Package),
		}))
	}
	faults := []error{node.NotePolicies.Save(lines)}
	for _, item := range list.Items {
		faults = append(faults, p.warnOpen(ctx, item.Metadata.Object(kubeapi.NetworkPolicy)))
	}
	return errors.Join(faults...)
}

// warnOpen puts the event on a policy, once.
func (p *publisher) warnOpen(ctx context.Context, o kubeapi.Object) error {
	if p.policies.reported[o.UID] {
		return nil
	}
	slog.Warn("a NetworkPolicy is not enforced", "policy", o.String())
	text := fmt.Sprintf("node %s does not enforce it, because %s is not installed there", p.node.Name, netpolicy.Package)
	if err := p.api.WarnOnce(ctx, o, p.node.Name, "NotEnforced", text); err != nil {
		return err
	}
	p.policies.reported[o.UID] = true
	return nil
}
