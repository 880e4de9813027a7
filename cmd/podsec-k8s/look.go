package main

import (
	"context"
	"errors"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/veth"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/status"
)

// overviewQuestion asks how the node is, as far as u7s-admin sees it.
var overviewQuestion = question[nothing, status.Status]{
	name: "overview", timeout: time.Minute,
	handle: func(ctx context.Context, _ nothing) (status.Status, error) { return status.Get(ctx) },
	check:  status.Status.Check,
}

// lookOver looks at the node from both sides: as u7s-admin, who has its
// services, and as root, who has the system's units and the journal.
func lookOver(ctx context.Context) (status.Status, error) {
	o, err := overviewQuestion.ask(ctx, nothing{})
	if err != nil {
		return o, err
	}
	view, err := hostView(ctx, o.Network)
	if err != nil {
		return o, err
	}
	o = o.WithHost(view)
	return o.WithErrors(lastErrors(ctx, o.Troubled())), nil
}

// hostView asks the system's systemd for the units that belong to the node.
func hostView(ctx context.Context, network string) (v status.HostView, err error) {
	manager, err := host.SystemManager(ctx)
	if err != nil {
		return v, err
	}
	defer manager.Close()
	state := func(unit string) host.UnitState {
		s, errState := manager.State(ctx, unit)
		err = errors.Join(err, errState)
		return s
	}
	v.Guard = state(units.Guard)
	file, errFile := manager.File(ctx, units.Guard)
	v.GuardFile, err = file, errors.Join(err, errFile)
	if !node.ModeOf(network).RootService {
		return v, err
	}
	for _, unit := range []string{units.NetSocket, units.NetService} {
		v.Net = append(v.Net, status.NetUnit{Name: unit, State: state(unit)})
	}
	ports, errPorts := veth.Published(netState)
	v.Published = map[string]bool{}
	for _, p := range ports {
		v.Published[p.Key()] = true
	}
	return v, errors.Join(err, errPorts)
}

// lastErrors reads, for each unit, its last error from the journal. One that
// can't be read is left out: what is known without it is shown all the same.
func lastErrors(ctx context.Context, troubled []status.UnitStatus) map[string]string {
	errors := map[string]string{}
	admin, err := preflight.AdminUser()
	if err != nil {
		return errors
	}
	for _, u := range troubled {
		since := u.Since
		if u.Ended() {
			since = time.Time{} // its last life may have said nothing yet
		}
		if text, err := host.LastUnitError(ctx, admin.UID, u.Unit, since, u.Ended()); err == nil {
			errors[u.Unit] = text
		}
	}
	return errors
}

// explain prints, after a run that u7s-admin has ended with a fault, what the
// services that are not well say themselves.
func explain(ctx context.Context, p *printer) {
	o, err := lookOver(context.WithoutCancel(ctx))
	if err != nil {
		return
	}
	for _, u := range o.Units {
		if u.Error != "" {
			p.fault(&host.Fault{Err: message.Errorf("%s is %s; its last error: %s", u.Unit, u.State, u.Error), Remedy: message.Plain(status.LogOf(u.Unit))})
		}
	}
}
