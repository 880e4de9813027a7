package main

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// An update that replaces the kubelet's package by one of another name, which
// is how ALT goes to another minor, ends with the old package's scriptlet: it
// disables and stops kubelet.service. Nobody meant the node by that, so what an
// update has stopped is started again when the update has ended.
// Source: ALT's rpm-macros-systemd, preun_service.

// returnUnit is the service that waits for the end of an update.
const returnUnit = "podsec-k8s-after-update.service"

// updateTimeout is how long an update may take. A node that has not been started
// by then is one that status tells of.
const updateTimeout = 15 * time.Minute

// askForReturn has the guard that was stopped started again after an update of
// packages that is under way.
func askForReturn(ctx context.Context, p *printer) error {
	return askSystem(ctx, func(m *host.Manager) error {
		job, err := m.JobType(ctx, units.Guard)
		if err != nil {
			return err
		}
		down, err := m.Ending(ctx)
		if err != nil {
			return err
		}
		busy, err := localHost(p).Transaction()
		if err != nil || !stoppedByUpdate(job, down, busy) {
			return err
		}
		return m.BeginService(ctx, returnUnit, "Start of the rootless node after an update", []string{node.Self, "kubelet-return"})
	})
}

// stoppedByUpdate decides it by systemd's job for kubelet.service, by whether the
// machine is going down, and by whether packages are being changed.
func stoppedByUpdate(job string, down, busy bool) bool { return job == "stop" && !down && busy }

// kubeletReturnCommand is what returnUnit runs.
func kubeletReturnCommand(p *printer) *cli.Command {
	return &cli.Command{
		Name: "kubelet-return", Usage: p.help("starts the node again after a package update has stopped it"), Hidden: true,
		Action: func(c *cli.Context) error {
			if err := requireRoot(); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context, updateTimeout)
			defer cancel()
			return returnNode(ctx, p)
		},
	}
}

// returnNode starts the node, if there still is one and a package that makes it.
func returnNode(ctx context.Context, p *printer) error {
	h := localHost(p)
	if err := h.AwaitTransaction(ctx); err != nil {
		return host.WithRemedy(err,
			"when it has ended: systemctl enable --now kubelet")
	}
	unlock, err := lockNode(ctx, p) // another change of the node comes first
	if err != nil {
		return err
	}
	defer unlock()
	if has, err := hasCluster(); err != nil || !has {
		return err
	}
	facts, err := hostFacts(h)
	if err != nil || !facts.Kubelet.Swapped {
		return err
	}
	unit, err := h.Loaded(ctx, units.Guard)
	if err != nil || unit.Load == "masked" || unit.Runs() {
		return err
	}
	p.say("a package update has stopped kubelet.service; it is started again")
	return guardNode(ctx, p)
}

// endReturn ends what waits for the end of an update: the node goes, or is
// changed by someone else.
func endReturn(ctx context.Context) error {
	return withSystem(ctx, func(m *host.Manager) error {
		s, err := m.State(ctx, returnUnit)
		if err != nil || s.Idle() {
			return err
		}
		return m.Stop(ctx, returnUnit)
	})
}
