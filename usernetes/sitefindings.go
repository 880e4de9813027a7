package usernetes

import (
	"context"
	"fmt"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
)

// siteFindings is what status has to say of limits, ids and the proxy: what is
// wrong now, and what may trouble the node later.
func siteFindings(ctx context.Context, n Node) (faults, warnings []FaultLine) {
	limits := readLimits("/", uint32(os.Getuid()))
	for _, f := range limits.exhausted() {
		faults = append(faults, faultLine(f))
	}
	for _, f := range limits.warnings() {
		warnings = append(warnings, faultLine(f))
	}
	var lines []FaultLine
	if err := noteIDs.load(&lines); err != nil && !isMissing(err) {
		faults = append(faults, faultLine(fmt.Errorf("reading which pods lack ids: %w", err)))
	}
	faults = append(faults, lines...)
	site, err := LoadSite(SiteDir)
	if err != nil {
		return append(faults, faultLine(err)), warnings
	}
	for _, f := range proxyFindings(ctx, n, site) {
		faults = append(faults, faultLine(f))
	}
	for _, f := range (ProxyFacts{Exposed: site.Exposed}).warnings() {
		warnings = append(warnings, faultLine(f))
	}
	return faults, warnings
}

// proxyFindings tells of a proxy that the node can't use, and of nodes that
// the apiserver would ask through it.
func proxyFindings(ctx context.Context, n Node, site Site) []*host.Fault {
	if !site.Proxy.used() {
		return nil
	}
	if f := site.Proxy.check(n, nil); f != nil {
		return []*host.Fault{f}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	api, err := ownAPI(n)
	if err != nil {
		return nil // clusterFaults tells
	}
	others, err := peers(ctx, api, n)
	if err != nil {
		return nil // the same
	}
	missed := site.Proxy.uncovered(n.directly(hostAddresses(), n.endpoints()...), others)
	if len(missed) == 0 {
		return nil
	}
	return []*host.Fault{host.NewFault("add their network to NO_PROXY in /etc/podsec-k8s on every node, then: systemctl stop kubelet; systemctl start kubelet",
		"nodes of the cluster are asked through the proxy: %v", missed)}
}
