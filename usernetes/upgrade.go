package usernetes

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// An UpgradeRequest is what root asks of u7s-admin.
type UpgradeRequest struct {
	To       string   // a version, whose programs root has kept
	First    bool     // the cluster's configuration is upgraded with this node
	Lossy    bool     // the older etcd can't read what the newer one writes
	Archives []string // of images; their files come as descriptors
}

// phases is how a node is upgraded, step by step.
func (u *upgrading) phases() []Phase {
	title := message.Format("Upgrading the node's configuration (kubeadm upgrade node)")
	if u.record.First {
		title = "Upgrading the control plane (kubeadm upgrade apply)"
	}
	return []Phase{
		{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: beginNode},
		{Name: "images", Title: "Loading images", Run: u.loadImages},
		{Name: phaseSave, Title: "Saving what the node can go back to", Once: true, Run: u.saveWayBack},
		{Name: phaseKubeadm, Title: title, Once: true, Run: u.runKubeadm},
		{Name: "services", Title: "Restarting the services in the new version", Run: u.restartServices},
		{Name: "ready", Title: "Waiting for the node and CoreDNS", Run: u.waitUpgraded},
	}
}

// backPhases is how it goes back: etcd's data stay, unless they have to go back as well.
func (u *upgrading) backPhases() []Phase {
	all := []Phase{
		{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: beginNode},
		{Name: "files", Title: "Restoring the node's files", Run: u.restoreFiles},
		{Name: phaseData, Title: "Restoring the data of etcd", Once: true, Run: u.restoreData},
		{Name: "services", Title: "Restarting the services in the previous version", Run: u.restartAll},
		{Name: "cluster", Title: "Restoring the cluster's configuration", Run: func(ctx context.Context, _ *Work) error { return putObjectsBack(ctx) }},
		{Name: "ready", Title: "Waiting for the node and CoreDNS", Run: u.waitUpgraded},
	}
	if u.record.Lossy {
		return all
	}
	return slices.DeleteFunc(all, func(p Phase) bool { return p.Name == phaseData })
}

// beginNode starts what all the rest needs, where nothing has yet.
func beginNode(ctx context.Context, w *Work) error {
	if err := beginNamespaces(ctx, w); err != nil {
		return err
	}
	if err := startRuntime(ctx, w); err != nil || w.Plan.Node.APIPort == 0 {
		return err
	}
	return w.Manager.Start(ctx, units.Manifests)
}

// Upgrade brings this node to another version, or goes on with that. Where a phase
// fails once something was changed, the node goes back to where it was: then that is the
// error.
func Upgrade(ctx context.Context, r UpgradeRequest, files []*os.File, progress Progress, out io.Writer, tell Tell) error {
	u, w, err := newUpgrading(ctx, out, tell)
	if err != nil {
		return err
	}
	defer w.Manager.Close()
	if u.record.Unfinished() && u.record.Back {
		return u.goBack(ctx, w, progress)
	}
	if err := u.note(r, w); err != nil {
		return err
	}
	w.Plan.Archives = images.ReadArchives(r.Archives, files)
	failed := u.run(ctx, u.phases(), w, progress)
	if failed == nil {
		u.record.Finished, u.record.Begun = true, ""
		return errors.Join(host.SyncFileSystem(node.StateDir), u.record.Save())
	}
	if ctx.Err() != nil {
		return failed
	}
	if !u.record.Has(phaseSave) { // nothing was changed yet
		return errors.Join(failed, upgrade.Forget())
	}
	u.tell("the upgrade has failed, and the node goes back: %w", failed)
	u.record.Back, u.record.Lossy = true, r.Lossy && !u.record.Saved.IsZero()
	if err := u.record.Save(); err != nil {
		return errors.Join(failed, err)
	}
	if err := u.goBack(ctx, w, progress); err != nil {
		return errors.Join(failed, err)
	}
	return host.WithRemedy(message.Errorf("the upgrade to Kubernetes %s has failed; the node runs %s again: %w", r.To, u.record.From, failed),
		"fix the cause and run the same command again; the node is as it was before")
}

// A RollbackRequest is what root asks of u7s-admin.
type RollbackRequest struct {
	Lossy bool // etcd's data of before are put back as well
}

// RollBack takes this node back to the version before, or goes on with that.
func RollBack(ctx context.Context, r RollbackRequest, progress Progress, out io.Writer, tell Tell) error {
	u, w, err := newUpgrading(ctx, out, tell)
	if err != nil {
		return err
	}
	defer w.Manager.Close()
	if u.record.To == "" || !u.record.Has(phaseSave) {
		return errors.Join(host.NewFault("see podsec-k8s upgrade plan", "there is no upgrade of this node to go back from"), upgrade.Forget())
	}
	if r.Lossy && u.record.Saved.IsZero() {
		return noData()
	}
	u.record.Back, u.record.Lossy = true, u.record.Lossy || r.Lossy
	if err := u.record.Save(); err != nil {
		return err
	}
	return u.goBack(ctx, w, progress)
}

// newUpgrading reads what there is.
func newUpgrading(ctx context.Context, out io.Writer, tell Tell) (*upgrading, *Work, error) {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return nil, nil, node.NoNode()
	}
	u := &upgrading{tell: tell}
	if err == nil {
		u.made, err = steps.LoadSteps()
	}
	if err == nil {
		err = errors.Join(u.made.HalfReset(), steps.HalfMoved(), node.TidyState())
	}
	if err == nil && !u.made.Finished {
		err = u.made.Unfinished()
	}
	if err == nil {
		u.record, err = upgrade.LoadRecord()
	}
	if err != nil {
		return nil, nil, err
	}
	manager, err := node.UserManager(ctx)
	return u, &Work{Plan: Plan{Node: n, DNS: n.APIPort != 0}, Manager: manager, Out: out}, err
}

// note notes an upgrade, or finds the one that it goes on with.
func (u *upgrading) note(r UpgradeRequest, w *Work) error {
	if !host.Exists(node.KeptSet(r.To)) {
		return message.Errorf("root has kept no programs of Kubernetes %s", r.To)
	}
	if u.record.Unfinished() {
		if u.record.To != r.To {
			return upgrade.State{Record: u.record}.CheckRecord(r.To)
		}
		u.resumed = u.record.Begun
		return nil
	}
	if err := upgrade.Forget(); err != nil {
		return err
	}
	u.record = upgrade.Record{From: w.Plan.Node.Kubernetes, To: r.To, First: r.First}
	return u.record.Save()
}

func (u *upgrading) has(phase string) bool { return u.record.Has(phase) }

func (u *upgrading) begin(phase string) error {
	u.record.Begun = phase
	return u.record.Save()
}

func (u *upgrading) end(p Phase) error {
	if p.Once {
		u.record.Done = append(u.record.Done, p.Name)
	}
	return u.record.Save()
}

// run runs phases, and notes each in the record of the upgrade.
func (u *upgrading) run(ctx context.Context, phases []Phase, w *Work, progress Progress) error {
	return runPhases(ctx, phases, w, progress, u, continueRemedy)
}

// goBack takes the node back to where it was, and forgets the upgrade. Where the version
// before does not run with the data that are there, it gets those of before.
func (u *upgrading) goBack(ctx context.Context, w *Work, progress Progress) error {
	failed := u.run(ctx, u.backPhases(), w, progress)
	if failed != nil && ctx.Err() == nil && !u.record.Lossy && !u.record.Saved.IsZero() {
		u.tell("Kubernetes %s does not run with the present data, so those of %s are restored, and what was written since is lost: %w",
			u.record.From, u.record.Saved.Format(time.RFC3339), failed)
		u.record.Lossy = true
		if err := u.record.Save(); err != nil {
			return errors.Join(failed, err)
		}
		failed = u.run(ctx, u.backPhases(), w, progress)
	}
	if failed != nil {
		return failed
	}
	return errors.Join(host.SyncFileSystem(node.StateDir), upgrade.Forget())
}
