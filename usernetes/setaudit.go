package usernetes

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// SetAudit changes the audit log of this control plane, and the configuration of the
// cluster with it. A setting without a mode is that of the cluster. Run again, it goes
// on.
func SetAudit(ctx context.Context, s audit.Setting) error {
	_, err := node.LoadNode()
	if err != nil || !host.Exists(node.StatePath(node.AdminConf)) {
		return errors.Join(err, node.NotMaster())
	}
	return withNode(ctx, func(w *Work) error { return w.setAudit(ctx, s) })
}

func (w *Work) setAudit(ctx context.Context, s audit.Setting) error {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return err
	}
	if err := w.goBack(ctx); err != nil {
		return err
	}
	if s.Mode == "" {
		err = w.changeAPIServer(ctx, api, func(cluster document.Document) error { return clusterPolicy(ctx, api, cluster) }, func(context.Context) error { return nil })
	} else {
		err = w.changeAPIServer(ctx, api, layOver(s), func(ctx context.Context) error { return sharePolicy(ctx, s) })
	}
	return errors.Join(err, removePolicies())
}

// layOver writes the setting into the cluster's configuration. What a site has written
// there itself stays.
func layOver(s audit.Setting) func(document.Document) error {
	return func(cluster document.Document) error {
		if audit.OfCluster(cluster).Mode == audit.Other {
			return host.NewFault("change them there; or remove them, then run this command again: podsec-k8s kubectl --namespace=kube-system edit configmap kubeadm-config",
				"the audit log of this cluster is set by arguments of its own, audit-* in apiServer.extraArgs of its configuration")
		}
		s.Lay(cluster)
		if s.Mode != audit.Own {
			return nil
		}
		return writePolicy(s.PolicyPath(), s.Policy)
	}
}

// clusterPolicy gets the site's policy, if the cluster has one.
func clusterPolicy(ctx context.Context, api *kubeapi.Client, cluster document.Document) error {
	path := audit.OfCluster(cluster).Policy
	if !audit.IsOwnPolicy(path) {
		return nil
	}
	var object struct{ Data map[string]string }
	if err := api.Get(ctx, audit.PolicyObjectPath, &object); err != nil {
		return message.Errorf("getting the cluster's audit policy: %w", err)
	}
	return placePolicy(path, []byte(object.Data[audit.PolicyKey]))
}

// sharePolicy keeps the site's policy in the cluster, or takes the one before away.
func sharePolicy(ctx context.Context, s audit.Setting) error {
	if s.Mode == audit.Own {
		return keepPolicy(ctx, s.Policy)
	}
	args := []string{"--namespace=kube-system", "delete", "--ignore-not-found", "configmap/" + audit.PolicyObject, "role/" + audit.PolicyObject, "rolebinding/" + audit.PolicyObject}
	return quietly(ctx, namespace.Program{Name: "kubectl", Args: args}, nil)
}

// removePolicies deletes the site's policies that kube-apiserver does not read.
func removePolicies() error {
	m, err := staticpod.ReadManifest(apiServer)
	if err != nil {
		return err
	}
	argv, err := m.Command()
	if err != nil {
		return err
	}
	read := node.StatePath(audit.OfCommand(argv).Policy)
	files, err := filepath.Glob(node.StatePath(filepath.Join(node.PolicyDir, "*")))
	faults := []error{err}
	for _, file := range files {
		if file != read {
			faults = append(faults, host.Remove(file))
		}
	}
	return errors.Join(faults...)
}

// An AuditState is how the audit log is written here, and how the cluster wants it.
type AuditState struct {
	Node    audit.Arguments
	Cluster audit.Arguments // its mode is "" where the cluster does not answer
	Bytes   int64           // of the log, with the files that it was renamed to
	Files   int
	Others  []string // the other control planes
}

// AskAudit looks at the audit log of this control plane.
func AskAudit(ctx context.Context) (s AuditState, err error) {
	n, err := node.LoadNode()
	if err != nil || !host.Exists(node.StatePath(node.AdminConf)) {
		return s, errors.Join(err, node.NotMaster())
	}
	m, err := staticpod.ReadManifest(apiServer)
	if err != nil {
		return s, err
	}
	argv, err := m.Command()
	if err != nil {
		return s, err
	}
	s.Node = audit.OfCommand(argv)
	s.Bytes, s.Files = audit.Size()
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return s, err
	}
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindCluster)
	if err != nil {
		return s, nil //nolint:nilerr // the node's own is known all the same
	}
	s.Cluster = audit.OfCluster(stored.Document)
	s.Others, err = otherControlPlanes(ctx, api, n)
	return s, err
}

// otherControlPlanes lists the names of all but this one.
func otherControlPlanes(ctx context.Context, api *kubeapi.Client, n node.Node) (names []string, err error) {
	planes, err := api.ControlPlanes(ctx)
	return namesBeside(n, planes), err
}

// Check reports whether what u7s-admin hands to root has its form.
func (s AuditState) Check() error {
	for _, a := range []audit.Arguments{s.Node, s.Cluster} {
		if err := a.Check(); err != nil {
			return err
		}
	}
	return node.CheckNames(s.Others...)
}
