package usernetes

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
)

// phases is how the node's address is changed, step by step.
func (m *moving) phases(n node.Node) []Phase {
	save := Phase{Name: phaseSave, Title: "Saving what the node can go back to", Once: true, Run: m.save}
	change := Phase{Name: "files", Title: "Stopping the node, and changing its files", Once: true, Run: m.change}
	if m.record.From == m.record.To { // pods go on
		change.Title = "Changing the node's files"
		return []Phase{
			save, change,
			{Name: "services", Title: "Restarting the kubelet and the pod network (flannel, kube-proxy)", Run: restartBeside},
			{Name: phaseMoved, Title: "Waiting for the node", Once: true, Run: m.waitMoved},
		}
	}
	wait := Phase{Name: phaseMoved, Title: "Waiting for the node", Once: true, Run: m.waitMoved}
	if n.APIPort == 0 {
		return slices.Concat([]Phase{save, change}, startPhases(nil), []Phase{wait})
	}
	made := Phase{Name: phaseCertificates, Title: "Creating the certificates for the new address (kubeadm)", Once: true, Run: m.makeCertificates}
	plane := []Phase{
		{Name: "control-plane", Title: "Starting the control plane", Run: startControlPlane},
		{Name: "member", Title: "Changing the address of etcd's member", Run: moveMember},
	}
	wait.Title = "Waiting for the node and CoreDNS"
	objects := Phase{Name: "objects", Title: "Making the cluster's objects those of this machine", Run: m.changeObjects}
	return slices.Concat([]Phase{save, made, change}, startPhases(plane), []Phase{wait, objects})
}

// startPhases is how a node is started whose files have been changed. plane starts its
// control plane, if it has one.
func startPhases(plane []Phase) []Phase {
	return slices.Concat([]Phase{
		{Name: "namespaces", Title: "Starting the namespaces (RootlessKit)", Run: beginWholeNode},
		{Name: "runtime", Title: "Starting the container runtime (CRI-O)", Run: startRuntime},
	}, plane, []Phase{{Name: "network", Title: "Starting the pod network (flannel, kube-proxy)", Run: startBeside}})
}

// startBeside starts the kubelet and the services of the pod network, whose
// configurations name no address: the cluster is not asked, and may not answer.
func startBeside(ctx context.Context, w *Work) error {
	if err := w.Manager.Begin(ctx, units.Kubelet); err != nil {
		return err
	}
	return beginServices(ctx, w)
}

// waitMoved waits until the cluster knows the node, and its new address, and on a
// control plane for CoreDNS, if there is one.
func (m *moving) waitMoved(ctx context.Context, w *Work) error {
	if err := waitParts(ctx, w); err != nil {
		return err
	}
	conf := node.KubeletConf
	if w.Plan.Node.APIPort != 0 {
		conf = node.AdminConf
		has, err := awaitDNSAnswer(ctx)
		if err != nil {
			return err
		}
		w.Plan.DNS = has
	}
	api, err := kubeapi.NewClient(conf)
	if err != nil {
		return err
	}
	return waitReported(ctx, w, api, m.record.Stopped)
}

// ChangeAddress gives this node another address, or goes on with that; a worker, also
// another place at which it asks the cluster's API. Where it does not run so, it goes
// back to what it had: then that is the error.
func ChangeAddress(ctx context.Context, r AddressRequest, progress Progress, out io.Writer, tell Tell) error {
	return withFinished(ctx, func(w *Work) error {
		w.Out = out
		m := &moving{tell: tell}
		var err error
		if m.record, err = steps.LoadMove(); err != nil {
			return err
		}
		before := w.Plan.Node
		if m.otherThan(r) {
			if err := m.goBack(ctx, w, progress); err != nil {
				return err
			}
			if before, err = node.LoadNode(); err != nil {
				return err
			}
		}
		if !m.record.Begun() {
			if err := m.note(ctx, r, before); err != nil || !m.record.Begun() {
				return err
			}
		}
		w.Plan.Node = m.node(before)
		return m.carryOut(ctx, w, progress)
	})
}

// note notes what is going to be done. After a way back that may be nothing.
func (m *moving) note(ctx context.Context, r AddressRequest, n node.Node) error {
	plan, err := planMove(ctx, r, n)
	if err != nil || plan.Same() {
		return err
	}
	if err := steps.ForgetMove(); err != nil {
		return err
	}
	m.record = steps.Move{From: plan.From, To: plan.To, Server: plan.Server, Asked: r.Server}
	return m.record.Save()
}

// carryOut runs the phases, and takes the node back where one fails once something was
// changed.
func (m *moving) carryOut(ctx context.Context, w *Work, progress Progress) error {
	failed := runPhases(ctx, m.phases(w.Plan.Node), w, progress, m, continueRemedy)
	switch {
	case failed == nil: // the ways back of upgrades have the address of before
		return errors.Join(host.SyncFileSystem(node.StateDir), upgrade.Forget(), steps.ForgetMove())
	case ctx.Err() != nil || m.has(phaseMoved):
		return failed
	case !m.has(phaseSave): // nothing was changed yet
		return errors.Join(failed, steps.ForgetMove())
	}
	m.tell("the node does not run with the address %s, and gets back what it had: %w", m.record.To, failed)
	to := m.record.To
	if err := m.goBack(ctx, w, progress); err != nil {
		return errors.Join(failed, err)
	}
	return host.WithRemedy(message.Errorf("the node does not run with the address %s; it has again what it had: %w", to, failed),
		"fix the cause and run the same command again")
}

// goBack gives the node back what it had, and forgets the change. It is started only
// where the machine has the address of before.
func (m *moving) goBack(ctx context.Context, w *Work, progress Progress) error {
	m.record.Back = true
	if err := m.record.Save(); err != nil {
		return err
	}
	if m.has(phaseSave) {
		if err := runPhases(ctx, m.backPhases(w), w, progress, unrecorded{}, continueRemedy); err != nil {
			return err
		}
	}
	m.record.Done = nil // what was saved may go
	if err := errors.Join(host.SyncFileSystem(node.StateDir), m.record.Save()); err != nil {
		return err
	}
	m.record = steps.Move{}
	return steps.ForgetMove()
}

// backPhases is how it goes back. Nothing is waited for that others have to do: they may
// be why it goes back.
func (m *moving) backPhases(w *Work) []Phase {
	if m.record.From == m.record.To {
		return []Phase{
			{Name: "files", Title: "Restoring the node's files", Run: m.putBack},
			{Name: "services", Title: "Restarting the kubelet and the pod network (flannel, kube-proxy)", Run: restartBeside},
		}
	}
	var before node.Node
	if err := node.LoadState(filepath.Join(node.MovedDir, filepath.Base(node.NodeFile)), &before); err == nil {
		w.Plan.Node = before
	}
	files := Phase{Name: "files", Title: "Stopping the node, and restoring its files", Run: func(ctx context.Context, w *Work) error {
		if err := stopWholeNode(ctx, w); err != nil {
			return err
		}
		return m.putBack(ctx, w)
	}}
	switch {
	case node.CheckAddress(w.Plan.Node, node.HostAddresses()) != nil:
		return []Phase{files} // it can't run
	case w.Plan.Node.APIPort == 0:
		return append([]Phase{files}, startPhases(nil)...)
	}
	return append([]Phase{files}, startPhases([]Phase{{Name: "control-plane", Title: "Starting the control plane", Run: m.startPlaneOfBefore}})...)
}

// startPlaneOfBefore starts the control plane by what it had. One that does not run so
// either is left to the administrator.
func (m *moving) startPlaneOfBefore(ctx context.Context, w *Work) error {
	err := startControlPlane(ctx, w)
	if err == nil {
		err = moveMember(ctx, w)
	}
	if err != nil && ctx.Err() == nil {
		m.tell("the control plane does not run as before: %w", err)
		return nil
	}
	return err
}
