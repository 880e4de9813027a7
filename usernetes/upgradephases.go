package usernetes

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/backup"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// loadImages brings the images that the new version needs.
func (u *upgrading) loadImages(ctx context.Context, w *Work) error {
	next := w.Plan.Node
	next.Kubernetes = u.record.To
	pause, err := next.PauseImage()
	if err != nil {
		return err
	}
	if w.Plan.Node.ImageAuthFile, err = node.LoadImageAuth(node.SiteDir); err != nil {
		return err
	}
	if w.Plan.Images, err = images.FullNames(pause); err != nil {
		return err
	}
	if u.record.First {
		dns, err := u.dnsImages(ctx)
		if err != nil {
			return err
		}
		w.Plan.Images = append(w.Plan.Images, dns...)
	}
	return loadImages(ctx, w)
}

// program is one of the new version's.
func (u *upgrading) program(name string) string {
	return filepath.Join(node.KeptSet(u.record.To), name)
}

// dnsImages lists the full names of the CoreDNS image that the new kubeadm puts into the
// cluster, by the cluster's configuration; none where the cluster has no CoreDNS.
func (u *upgrading) dnsImages(ctx context.Context) ([]string, error) {
	has, err := hasDNS(ctx)
	if err != nil || !has {
		return nil, err
	}
	config, err := u.clusterConfig(ctx)
	if err != nil {
		return nil, err
	}
	out, err := listImages(ctx, u.program("kubeadm"), config)
	if err != nil {
		return nil, err
	}
	dns, err := images.DNSImage(out)
	if err != nil {
		return nil, err
	}
	return images.FullNames(dns)
}

// clusterConfig is the cluster's configuration for the new version.
func (u *upgrading) clusterConfig(ctx context.Context) ([]byte, error) {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return nil, err
	}
	stored, err := kubeadm.Load(ctx, api, kubeadm.KindCluster)
	if err != nil {
		return nil, err
	}
	stored.Document["kubernetesVersion"] = u.record.To
	return document.Format([]document.Document{stored.Document})
}

// hasDNS reports whether the cluster has kubeadm's CoreDNS.
func hasDNS(ctx context.Context) (bool, error) {
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return false, err
	}
	var object struct{}
	err = api.Get(ctx, "/apis/apps/v1/namespaces/kube-system/deployments/coredns", &object)
	if kubeapi.HasStatus(err, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}

// runKubeadm runs the unmodified kubeadm of the new version. Where an earlier run was
// cut in it, all is put back first: kubeadm moves a manifest away before it puts the new
// one in its place, and writes certificates in pieces.
func (u *upgrading) runKubeadm(ctx context.Context, w *Work) error {
	if u.resumed == phaseKubeadm {
		if err := upgradeBack().putBack(); err != nil {
			return err
		}
		if err := u.restartPlane(ctx, w); err != nil {
			return err
		}
	}
	minor, err := deps.MinorOf(u.record.To)
	if err != nil {
		return err
	}
	asked, _ := u.made.AskedFor()
	docs, err := document.Parse([]byte(asked.Config))
	if err != nil {
		return err
	}
	call, err := kubeadm.PlanUpgrade(minor, u.record.To, u.record.First, docs)
	if err != nil {
		return err
	}
	if err := host.WriteFile(node.UpgradeConfig, call.Config, 0o600); err != nil {
		return err
	}
	p := namespace.Program{Name: u.program("kubeadm"), Args: call.Args}
	return errors.Join(w.runUntilDown(ctx, p), removeKubeadmCopies())
}

// runUntilDown runs a program that waits for the node's services, in the node, and ends
// it when one of them does not come up.
func (w *Work) runUntilDown(ctx context.Context, p namespace.Program) error {
	run := func(ctx context.Context) error { return w.inNode(ctx, p) }
	if w.Plan.Node.APIPort != 0 {
		inNode := run
		run = func(ctx context.Context) error { return status.UntilSilent(ctx, w.Plan.Node, inNode) }
	}
	return status.UntilCrash(ctx, w.Manager, run)
}

// removeKubeadmCopies deletes the copies of manifests and of etcd's data that kubeadm
// leaves behind at each upgrade: what is of use of them was saved before.
// Source: kubeadm's phases/upgrade/staticpods.go, NewKubeStaticPodPathManagerUsingTempDirs.
func removeKubeadmCopies() error {
	var faults []error
	for _, pattern := range []string{"kubeadm-backup-*", "kubeadm-upgraded-manifests*", "kubeadm-kubelet-config*"} {
		folders, err := filepath.Glob(node.StatePath("/etc/kubernetes/tmp/" + pattern))
		faults = append(faults, err)
		for _, folder := range folders {
			faults = append(faults, host.RemoveAll(folder))
		}
	}
	return errors.Join(faults...)
}

// restartServices makes the node one of the new version: from now on its services run
// the programs of that.
func (u *upgrading) restartServices(ctx context.Context, w *Work) error {
	before := w.Plan.Node
	w.Plan.Node.Kubernetes = u.record.To
	if err := w.Plan.Node.Save(); err != nil {
		return err
	}
	if err := restartWhatChanged(ctx, w, before); err != nil {
		return err
	}
	return restartBeside(ctx, w)
}

// restartWhatChanged restarts what is not of Kubernetes, where it is another program or
// has other arguments: etcd, with all that asks it, and CRI-O.
func restartWhatChanged(ctx context.Context, w *Work, before node.Node) error {
	now := w.Plan.Node
	was, errWas := before.PauseImage()
	is, errIs := now.PauseImage()
	if err := errors.Join(errWas, errIs); err != nil {
		return err
	}
	if was != is {
		if err := awaitPart(ctx, w, units.CRIO, w.Manager.Restart); err != nil {
			return err
		}
	}
	if now.APIPort == 0 {
		return nil
	}
	if err := w.Manager.Restart(ctx, units.Manifests); err != nil {
		return err
	}
	if host.SameFile(filepath.Join(node.KeptSet(before.Kubernetes), "etcd"), filepath.Join(node.KeptSet(now.Kubernetes), "etcd")) {
		return nil
	}
	return restartControlPlane(ctx, w)
}

// restartBeside restarts the kubelet and the services of the pod network.
func restartBeside(ctx context.Context, w *Work) error {
	if err := awaitPart(ctx, w, units.Kubelet, w.Manager.Restart); err != nil {
		return err
	}
	for _, s := range services.Network() {
		if err := awaitPart(ctx, w, s.Unit, w.Manager.Restart); err != nil {
			return err
		}
	}
	return nil
}

// restoreFiles puts back all files of the node.
func (u *upgrading) restoreFiles(_ context.Context, w *Work) error {
	if err := upgradeBack().putBack(); err != nil {
		return err
	}
	w.Plan.Node.Kubernetes = u.record.From
	return errors.Join(w.Plan.Node.Save(), removeKubeadmCopies(), host.SyncFileSystem(node.StateDir))
}

// restoreData puts etcd's data of before in the place of those that are there. Nothing of
// the control plane runs meanwhile, and nothing starts it.
func (u *upgrading) restoreData(ctx context.Context, w *Work) error {
	if u.record.Saved.IsZero() {
		return noData()
	}
	if err := w.Manager.Stop(ctx, units.Manifests); err != nil {
		return err
	}
	for _, name := range slices.Backward(staticpod.Components()) {
		if err := w.Manager.Stop(ctx, units.Component(name)); err != nil {
			return err
		}
	}
	member := etcdData()
	if err := w.inNode(ctx, namespace.Program{Name: "rm", Args: []string{"-rf", "--", member}}); err != nil {
		return err
	}
	return backup.RestoreData(ctx, w.Plan.Node, filepath.Join(node.SavedDir, dataFile), filepath.Dir(member))
}

// noData is the fault of a way back that has no data of before.
func noData() error {
	return host.NewFault("go back without them: podsec-k8s upgrade rollback; or restore a backup: podsec-k8s restore",
		"etcd's data of before were not saved: a control plane of several does not go back alone")
}

// restartAll restarts all services of the node, by the files as they are.
func (u *upgrading) restartAll(ctx context.Context, w *Work) error {
	if err := u.restartPlane(ctx, w); err != nil {
		return err
	}
	return restartBeside(ctx, w)
}

// restartPlane restarts the control plane, if there is one here.
func (u *upgrading) restartPlane(ctx context.Context, w *Work) error {
	if w.Plan.Node.APIPort == 0 {
		return nil
	}
	if err := w.Manager.Restart(ctx, units.Manifests); err != nil {
		return err
	}
	return restartControlPlane(ctx, w)
}

// waitUpgraded waits until the node works, and the cluster says that it is of its
// version; and on a control plane for CoreDNS, if there is one.
func (u *upgrading) waitUpgraded(ctx context.Context, w *Work) error {
	if w.Plan.DNS {
		has, err := awaitDNSAnswer(ctx)
		if err != nil {
			return err
		}
		w.Plan.DNS = has
	}
	if err := waitReady(ctx, w); err != nil {
		return err
	}
	return status.AwaitVersion(ctx, w.Plan.Node)
}

// awaitDNSAnswer is hasDNS for an API that may have to come up first.
func awaitDNSAnswer(ctx context.Context) (has bool, err error) {
	err = wait.Until(ctx, kubeadm.PartTimeout, func() (err error) { has, err = hasDNS(ctx); return err })
	return has, err
}
