package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/scriptlets"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func localHost(p *printer) *host.Host {
	return host.Local(func(text message.Text) { p.say("podsec-k8s: %s", host.Printable(p.language.Text(text))) })
}

// applyHost makes the changes that are not made yet, and returns what keeps the
// host from being as they have it.
func applyHost(ctx context.Context, p *printer) ([]scriptlets.Finding, error) {
	h := localHost(p)
	facts, err := hostFacts(h)
	if err != nil {
		return nil, err
	}
	if facts.Scripts.Found {
		p.say("podsec-k8s 1.x was installed here. Its node cannot be used any more and is being stopped. When podsec-k8s is uninstalled, its home directory and these files are restored, but not what its own package has removed: %s",
			strings.Join(slices.Concat(facts.Scripts.Links, facts.Scripts.Files), ", "))
	}
	if err := scriptlets.Plan(facts).Apply(ctx, h); err != nil {
		return nil, err
	}
	if facts.Scripts.Found {
		p.say("create a new node: podsec-k8s-create-master or podsec-k8s join")
	}
	if k := facts.Kubelet; k.Enabled && k.Own == "" && !k.Swapped {
		p.say("kubelet.service was enabled and stays enabled: it is now the guard of the rootless node")
	}
	return hostFindings(ctx, h)
}

// hostFindings looks at a host as it is now.
func hostFindings(ctx context.Context, h *host.Host) ([]scriptlets.Finding, error) {
	facts, err := hostFacts(h)
	if err != nil {
		return nil, err
	}
	return scriptlets.Findings(ctx, h, facts)
}

// asError joins the faults of findings.
func asError(found []scriptlets.Finding) error {
	var faults []error
	for _, f := range found {
		faults = append(faults, f.Fault)
	}
	return errors.Join(faults...)
}

// hostFacts looks at the machine, with what its site's settings ask for.
func hostFacts(h *host.Host) (scriptlets.Facts, error) {
	ids, reader, err := node.LoadHostSettings(node.SiteDir)
	if err != nil {
		return scriptlets.Facts{}, err
	}
	return scriptlets.GatherFacts(h, scriptlets.Wanted{SubIDs: ids, Reader: reader})
}
