package usernetes

import (
	"net/netip"
	"slices"
	"strings"
)

// CheckCall tells what in a call can't be understood. It looks at the call
// alone, and at nothing of the machine: whether a value suits the machine is
// for preflight to say. j is nil for a new cluster. The error is a *Misuse.
func (o Options) CheckCall(j *JoinRequest) error {
	if o.Network != "" && !slices.Contains(Modes(), o.Network) {
		return misuse("give one of "+strings.Join(Modes(), ", "), "there is no network mode %q", o.Network)
	}
	if o.NodeIP != "" {
		if _, err := netip.ParseAddr(o.NodeIP); err != nil {
			return misuse("give an address such as 192.0.2.10", "the flag --node-ip: %w", err)
		}
	}
	for _, name := range o.Ignore {
		if !slices.Contains(namesToIgnore(), name) {
			return misuse("podsec-k8s-create-master(8) lists the checks", "there is no check %q to pass over", name)
		}
	}
	known := initFlags()
	if j != nil {
		known = joinFlags()
	}
	args, err := parseKubeadmArgs(known, o.Flags)
	if err != nil || j == nil {
		return err
	}
	return j.checkFlags(args)
}

// namesToIgnore lists what --ignore-preflight may be given.
func namesToIgnore() []string {
	names := append([]string{"all", limitsWarning, proxyWarning}, rootChecks()...)
	for _, check := range JoinChecks() {
		names = append(names, check.Name)
	}
	return names
}

// rootChecks lists those of root's own checks that can be passed over.
func rootChecks() []string { return []string{"firewall", "home", "rootful-node"} }

// CheckUpload tells whether certificates are to be shared with control planes
// that could never join: kubeadm lets none in without an endpoint that stays.
func (o Options) CheckUpload() error {
	if !o.Upload {
		return nil
	}
	for _, flag := range o.Flags {
		if strings.HasPrefix(flag, "--control-plane-endpoint=") {
			return nil
		}
	}
	for _, file := range [][]byte{o.SiteConfig, o.Config} {
		docs, err := parseDocuments(file)
		if err != nil {
			return nil //nolint:nilerr // planning tells what is wrong with the file
		}
		for _, doc := range docs {
			if endpoint, _ := doc["controlPlaneEndpoint"].(string); endpoint != "" {
				return nil
			}
		}
	}
	return misuse("add --control-plane-endpoint NAME:PORT", "--upload-certs is for further control planes, and these need an endpoint that stays")
}
