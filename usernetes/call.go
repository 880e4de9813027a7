package usernetes

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
)

// CheckCall tells what in a call can't be understood. It looks at the call
// alone, and at nothing of the machine: whether a value suits the machine is
// for preflight to say. j is nil for a new cluster. The error is a *Misuse.
func (o Options) CheckCall(j *kubeadm.JoinRequest) error {
	if o.Network != "" && !slices.Contains(node.ModeNames(), o.Network) {
		return node.NewMisuse("", "flag --%s: %w", "network", message.Errorf("%q is not one of %s", o.Network, strings.Join(node.ModeNames(), ", ")))
	}
	if o.NodeIP != "" {
		if _, err := netip.ParseAddr(o.NodeIP); err != nil {
			return node.NewMisuse("specify an address such as 192.0.2.10", "flag --node-ip: %w", err)
		}
	}
	for _, name := range o.Ignore {
		if !slices.Contains(namesToIgnore(), name) {
			return node.NewMisuse("podsec-k8s-create-master(8) lists the checks", "there is no check %q to skip", name)
		}
	}
	known := kubeadm.InitFlags()
	if j != nil {
		known = kubeadm.JoinFlags()
	}
	args, err := kubeadm.ParseArgs(known, o.Flags)
	if err != nil || j == nil {
		return err
	}
	return j.CheckFlags(args)
}

// namesToIgnore lists what --ignore-preflight may be given.
func namesToIgnore() []string {
	names := append([]string{"all", preflight.LimitsWarning, preflight.ProxyWarning, preflight.StorageWarning}, rootChecks()...)
	for _, check := range preflight.JoinChecks() {
		names = append(names, check.Name)
	}
	return names
}

// rootChecks lists those of root's own checks that can be skipped.
func rootChecks() []string { return []string{"audit-log", "firewall", "home", "rootful-node"} }

// CheckUpload reports whether certificates are to be shared with control planes
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
		docs, err := document.Parse(file)
		if err != nil {
			return nil //nolint:nilerr // planning tells what is wrong with the file
		}
		for _, doc := range docs {
			if endpoint, _ := doc["controlPlaneEndpoint"].(string); endpoint != "" {
				return nil
			}
		}
	}
	return node.NewMisuse("add --control-plane-endpoint NAME:PORT", "--upload-certs is for more control planes, which need a stable endpoint")
}
