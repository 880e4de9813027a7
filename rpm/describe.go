package main

import (
	"fmt"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// Describe makes the package from a request, without building anything.
func Describe(r Request) (Package, error) {
	if r.Release == "" {
		r.Release = releaseOf(r.Kubernetes)
	}
	if err := r.check(); err != nil {
		return Package{}, err
	}
	switch r.Package {
	case "", helper:
		return describeNode(r)
	case policyPackage:
		return describePolicy(r)
	}
	return Package{}, fmt.Errorf("there is no package %q: it is %s or %s", r.Package, helper, policyPackage)
}

func describeNode(r Request) (Package, error) {
	p := r.of(helper, "Rootless Kubernetes for ALT Linux",
		"Makes and keeps a Kubernetes node that runs as an unprivileged user:\n"+
			"unmodified kubeadm inside RootlessKit's namespaces, every part a systemd\n"+
			"user service of u7s-admin. Pins the packages of Kubernetes "+r.Kubernetes+".")
	p.Program = Program{helper, ".", "./cmd/podsec-k8s", buildFlags(), r.linkFlags()}
	var err error
	if p.Requires, err = requirements(r.Kubernetes); err != nil {
		return p, err
	}
	if p.Scriptlets, err = scriptlets(r.Source, "", ourScriptlets()); err != nil {
		return p, err
	}
	p.Files, err = contents(r.Source, "/usr/share/doc/"+p.Name+"-"+r.Version)
	return p, err
}

// requirements writes out every dependency: none is found by rpm.
func requirements(minor string) ([]Requirement, error) {
	pins, err := deps.Pins(minor)
	if err != nil {
		return nil, fmt.Errorf("pinning packages: %w", err)
	}
	all := []Requirement{
		{"/bin/sh", Interpreter | Post | Preun | Postun},
		{"shadow-utils", Post | Preun},
		{"systemd", Post | Preun},
	}
	return append(all, pinned(pins)...), nil
}
