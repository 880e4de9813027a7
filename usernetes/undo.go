package usernetes

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/etcd"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// clearHalfMade takes away what a run that was cut, or has failed, has left half
// done: kubeadm refuses to go on with it.
func clearHalfMade(ctx context.Context, w *Work) error {
	if !steps.HalfMade() {
		return nil
	}
	if err := etcd.LeaveEtcd(ctx, w.Plan.Node); err != nil {
		return err
	}
	return undoKubeadm(ctx, w)
}

// undoKubeadm takes away what kubeadm has made, by kubeadm reset. The member of
// etcd is let go before, and its data go here: kubeadm would try for minutes to
// let a member go that has gone. What runs is stopped: kubeadm's next look finds
// the ports free. Source: kubeadm's cmd/phases/reset/removeetcdmember.go.
func undoKubeadm(ctx context.Context, w *Work) error {
	data := etcdData()
	args := []string{"reset", "--force", "--skip-phases=remove-etcd-member", "--cri-socket=unix://" + node.CRIOSocket}
	if err := w.inNode(ctx, namespace.Program{Name: "kubeadm", Args: args}); err != nil {
		return err
	}
	faults := []error{stopServices(ctx, w)}
	for _, name := range slices.Backward(staticpod.Components()) {
		faults = append(faults, w.Manager.Stop(ctx, units.Component(name)))
	}
	return errors.Join(append(faults, w.inNode(ctx, namespace.Program{Name: "rm", Args: []string{"-rf", "--", data}}))...)
}

// etcdData returns the folder of this node's member of etcd, as the node sees it.
// Source: etcd's flag --data-dir; its server/storage/datadir.
func etcdData() string {
	folder := "/var/lib/etcd"
	if m, err := staticpod.ReadManifest(staticpod.Etcd); err == nil {
		argv, _ := m.Command()
		for _, arg := range argv {
			if path, found := strings.CutPrefix(arg, "--data-dir="); found && filepath.IsAbs(path) {
				folder = path
			}
		}
	}
	return filepath.Join(folder, "member")
}

// leaveUnready stops the kubelet of a node that is to join anew, and says in its
// name that the node is not ready: kubeadm lets no machine join under the name of
// one that is. Where the cluster does not take it, there is no such Node, or
// kubeadm join says what is wrong.
// Source: kubeadm's cmd/phases/join/kubelet.go, runKubeletStartJoinPhase.
func leaveUnready(ctx context.Context, w *Work) error {
	if !steps.HalfMade() {
		return nil
	}
	if err := w.Manager.Stop(ctx, units.Kubelet); err != nil {
		return err
	}
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		return nil //nolint:nilerr // it has no identity yet, so no Node
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	condition := document.Document{
		"type": "Ready", "status": "False", "reason": "JoiningAnew", "message": "podsec-k8s join was interrupted",
		"lastTransitionTime": time.Now().UTC().Format(time.RFC3339),
	}
	patch := document.Document{"status": document.Document{"conditions": []any{condition}}}
	_ = api.Send(ctx, http.MethodPatch, "/api/v1/nodes/"+w.Plan.Node.Name+"/status", "application/strategic-merge-patch+json", patch)
	return nil
}
