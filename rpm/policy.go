package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// policyPackage is the package of what enforces NetworkPolicies.
const policyPackage = "podsec-k8s-network-policy"

// Of kube-router, which that package brings: its module, which this checkout pins in
// a module of its own, so that the helper's has nothing of it.
const (
	routerModule = "github.com/cloudnativelabs/kube-router/v2"
	routerFolder = "rpm/network-policy"
)

// routerVersion matches the version that is pinned.
var routerVersion = regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(routerModule) + ` (v\S+)`)

func describePolicy(r Request) (Package, error) {
	p := r.of(policyPackage, "NetworkPolicies for rootless Kubernetes",
		"Enforces the NetworkPolicies of a cluster on this node of podsec-k8s: one more\n"+
			"user service of u7s-admin runs the unmodified kube-router, of which only the\n"+
			"firewall is used.")
	version, err := pinnedRouter(r.Source)
	if err != nil {
		return p, err
	}
	p.Program = Program{
		Name: "kube-router", Module: routerFolder, Path: routerModule + "/cmd/kube-router",
		Flags: []string{"-trimpath", "-buildvcs=false"}, Link: "-s -w -X " + routerModule + "/pkg/version.Version=" + version,
	}
	p.Requires = append([]Requirement{
		{"/bin/sh", Interpreter | Post | Preun},
		{fmt.Sprintf("%s = %s-%s", helper, r.Version, r.Release), Post | Preun},
	}, pinned(deps.PolicyPins())...)
	docs := "/usr/share/doc/" + p.Name + "-" + r.Version
	p.Files = []Entry{
		plain("units/modules-load.d/podsec-k8s-network-policy.conf", "/lib/modules-load.d/podsec-k8s-network-policy.conf"),
		{Kind: Executable, Path: "/usr/libexec/podsec-k8s/" + p.Program.Name, From: p.Program.Name, Mode: 0o755},
		folder(docs, 0o755), doc("LICENSE", docs), doc("docs/network-policy.md", docs),
	}
	p.Scriptlets, err = scriptlets(r.Source, "policy-", ourScriptlets()[:2])
	return p, err
}

// pinnedRouter is the version of kube-router that the checkout pins.
func pinnedRouter(source string) (string, error) {
	text, err := os.ReadFile(filepath.Join(source, routerFolder, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading the version of kube-router: %w", err)
	}
	found := routerVersion.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s/go.mod requires no version of %s", routerFolder, routerModule)
	}
	return string(found[1]), nil
}
