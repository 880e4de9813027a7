package usernetes

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// RestorePhases is how a control plane is made of a backup. kubeadm finds the keys
// and etcd's data there, and makes all else anew, for this machine's address.
// Source: the Kubernetes documentation, "Operating etcd clusters", "Restoring an
// etcd cluster"; kubeadm's "Implementation details", phase certs.
func RestorePhases() []Phase {
	phases := MasterPhases()
	at := slices.IndexFunc(phases, func(p Phase) bool { return p.Name == steps.PhaseInit })
	phases[at].Title, phases[at].Run = "Restoring the control plane (etcd, kubeadm init)", restoreControlPlane
	phases[len(phases)-1].Run = waitRestored
	return slices.Insert(phases, at+1, Phase{Name: "adopt", Title: "Making the cluster's objects those of this machine", Run: adopt})
}

// PlanRestore decides what the control plane is like that is made of a backup. It
// does nothing else. The cluster's settings are those of the backup; the address and
// the network mode may be others.
func PlanRestore(site node.Site, f preflight.Facts, o Options, r RestoreRequest) (Plan, error) {
	if err := r.checkVersions(f); err != nil {
		return Plan{}, err
	}
	given := func(name string) bool { return hasFlag(o.Flags, name) }
	var err error
	if o.Audit, o.Config, err = r.audit(o.Config); err != nil {
		return Plan{}, err
	}
	o.Flags = slices.Clone(o.Flags)
	if !given("node-name") {
		o.Flags = append(o.Flags, "--node-name="+r.Name)
	}
	if f.Kubernetes != "" {
		o.Flags = append(o.Flags, "--kubernetes-version="+f.Kubernetes)
	}
	if o.Network == "" {
		site.Network, site.MTU = r.Node.Network, r.Node.MTU
	}
	n, err := siteNode(site, f, o)
	if err != nil {
		return Plan{}, err
	}
	if !given("control-plane-endpoint") {
		endpoint, err := movedEndpoint(o.Config, r.Address, n.IP)
		if err != nil {
			return Plan{}, err
		}
		if endpoint != "" {
			o.Flags = append(o.Flags, "--control-plane-endpoint="+endpoint)
		}
	}
	p, err := PlanMaster(site, f, o)
	if err != nil {
		return p, err
	}
	p.Restore = r.Digest
	p.Pass = append(p.Pass, "--ignore-preflight-errors=DirAvailable-"+strings.ReplaceAll(p.etcdFolder(), "/", "-"))
	return p, nil
}

// LacksPolicy reports whether a backup has not the audit policy of the site's that its
// configuration names: earlier versions did not put it in.
func (r RestoreRequest) LacksPolicy(config []byte) bool {
	path := audit.OfConfig(config).Policy
	return audit.IsOwnPolicy(path) && !audit.IsPolicyOf(path, r.Policy)
}

// audit is how the cluster of the backup writes its audit log. Where its policy is
// lacking it is the default one.
func (r RestoreRequest) audit(config []byte) (audit.Setting, []byte, error) {
	switch is := audit.OfConfig(config); {
	case r.LacksPolicy(config):
		docs, err := document.Parse(config)
		if err != nil {
			return audit.Setting{}, config, err
		}
		for _, doc := range docs {
			if doc["kind"] == kubeadm.KindCluster {
				audit.Setting{Mode: audit.Off}.Lay(doc)
			}
		}
		config, err = document.Format(docs)
		return audit.Setting{Mode: audit.Default}, config, err
	case is.Mode == audit.Other:
		return audit.Setting{Policy: r.Policy}, config, nil
	default:
		return audit.Setting{Mode: is.Mode, Policy: r.Policy}, config, nil
	}
}

// movedEndpoint returns the cluster's endpoint with this machine's address where it
// was the other machine's; "" where it is a name or an address of something else.
func movedEndpoint(config []byte, from, to netip.Addr) (string, error) {
	docs, err := document.Parse(config)
	if err != nil {
		return "", err
	}
	for _, doc := range docs {
		endpoint := optional(doc, "controlPlaneEndpoint")
		if doc["kind"] != kubeadm.KindCluster || endpoint == "" || !to.IsValid() {
			continue
		}
		if was, err := netip.ParseAddr(namespace.EndpointHost(endpoint)); err != nil || was != from {
			continue
		}
		if _, port, err := net.SplitHostPort(endpoint); err == nil {
			return net.JoinHostPort(to.String(), port), nil
		}
		return to.String(), nil
	}
	return "", nil
}

// etcdFolder is where etcd's data are going to be, as the node sees it.
func (p Plan) etcdFolder() string {
	docs, _ := document.Parse(p.Config) // our own
	for _, doc := range docs {
		if folder, ok := document.Lookup(doc, "etcd", "local", "dataDir").(string); ok && folder != "" {
			return folder
		}
	}
	return "/var/lib/etcd"
}

// restoreControlPlane puts keys and data where kubeadm looks for them, and runs
// kubeadm init. A run that was cut begins it anew.
func restoreControlPlane(ctx context.Context, w *Work) error {
	if w.Plan.Backup == nil {
		return message.New("root has opened no backup")
	}
	if err := clearHalfMade(ctx, w); err != nil {
		return err
	}
	if err := backup.Put(ctx, w.Plan.Backup, w.Plan.Node, w.Plan.etcdFolder()); err != nil {
		return err
	}
	return runInit(ctx, w)
}
