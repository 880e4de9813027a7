package status

import (
	"context"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/certs"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// siteFindings is what status has to say of limits, ids and the proxy: what is
// wrong now, and what may trouble the node later.
func siteFindings(ctx context.Context, n node.Node) (faults, warnings []node.Problem) {
	limits := preflight.ReadLimits("/", uint32(os.Getuid()))
	for _, f := range limits.Exhausted() {
		faults = append(faults, node.NewProblem(f))
	}
	for _, f := range limits.Warnings() {
		warnings = append(warnings, node.NewProblem(f))
	}
	if f := node.Unmeasured(); f != nil {
		warnings = append(warnings, node.NewProblem(f))
	}
	lines, err := node.NoteIDs.Problems()
	if err != nil {
		faults = append(faults, node.NewProblem(message.Errorf("reading the list of pods that lack ids: %w", err)))
	}
	faults = append(faults, lines...)
	open, err := node.NotePolicies.Problems()
	if err != nil {
		faults = append(faults, node.NewProblem(message.Errorf("reading the list of NetworkPolicies: %w", err)))
	}
	warnings = append(warnings, open...)
	faults = append(faults, netpolicy.Faults()...)
	site, err := node.LoadSite(node.SiteDir)
	if err != nil {
		return append(faults, node.NewProblem(err)), warnings
	}
	for _, f := range proxyFindings(ctx, n, site) {
		faults = append(faults, node.NewProblem(f))
	}
	for _, f := range (preflight.ProxyFacts{Exposed: site.Exposed}).Warnings() {
		warnings = append(warnings, node.NewProblem(f))
	}
	return faults, warnings
}

// proxyFindings tells of a proxy that the node can't use, and of nodes that
// the apiserver would ask through it.
func proxyFindings(ctx context.Context, n node.Node, site node.Site) []*host.Fault {
	if !site.Proxy.Used() {
		return nil
	}
	if f := site.Proxy.Check(n, nil); f != nil {
		return []*host.Fault{f}
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	api, err := ownAPI(n)
	if err != nil {
		return nil // clusterFaults tells
	}
	others, err := peers(ctx, api, n)
	if err != nil {
		return nil // the same
	}
	missed := site.Proxy.Uncovered(n.Directly(node.HostAddresses(), namespace.Endpoints(n)...), others)
	if len(missed) == 0 {
		return nil
	}
	return []*host.Fault{host.NewFault("add their network to NO_PROXY in /etc/podsec-k8s on each node, then: "+host.RestartNode,
		"requests to nodes of the cluster go through the proxy: %v", missed)}
}

// certFindings is what status has to say of the node's certificates.
func certFindings(now time.Time) (faults, warnings []node.Problem) {
	if certs.Interrupted() {
		faults = append(faults, node.NewProblem(host.NewFault("podsec-k8s certs renew", "the renewal of the certificates was interrupted")))
	}
	bad, soon := certs.Problems(certs.Read(), now)
	for _, f := range bad {
		faults = append(faults, node.NewProblem(f))
	}
	for _, f := range soon {
		warnings = append(warnings, node.NewProblem(f))
	}
	return faults, warnings
}
