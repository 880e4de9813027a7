package host

import (
	"context"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A Scope is a control group with processes that systemd has not started, as a
// unit. Stopping the unit ends all of them, and all that they have started.
// Source: systemd.scope(5).
type Scope struct {
	Unit        string // NAME.scope
	Description string
	Timeout     time.Duration // what has not ended so long after it was asked to is killed
}

// BeginScope puts a process into a new scope. The unit goes with its last
// process. Source: org.freedesktop.systemd1(5), "StartTransientUnit"; systemd.unit(5),
// "CollectMode="; systemd.kill(5).
func (m *Manager) BeginScope(ctx context.Context, s Scope, pid int) error {
	properties := []systemd.Property{
		systemd.PropDescription(s.Description), systemd.PropPids(uint32(pid)),
		{Name: "TimeoutStopUSec", Value: dbus.MakeVariant(uint64(s.Timeout.Microseconds()))},
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
	}
	return m.job(ctx, "starting", s.Unit, func(ctx context.Context, unit, mode string, done chan<- string) (int, error) {
		return m.conn.StartTransientUnitContext(ctx, unit, mode, properties, done)
	})
}

// BeginService starts a program as a service that goes when it has ended, and
// does not wait for it. One of that name that runs already goes on.
// Source: org.freedesktop.systemd1(5), "StartTransientUnit".
func (m *Manager) BeginService(ctx context.Context, unit, description string, argv []string) error {
	if s, err := m.State(ctx, unit); err != nil || !s.Idle() {
		return err
	}
	properties := []systemd.Property{
		systemd.PropDescription(description), systemd.PropExecStart(argv, true),
		{Name: "CollectMode", Value: dbus.MakeVariant("inactive-or-failed")},
	}
	if _, err := m.conn.StartTransientUnitContext(ctx, unit, "replace", properties, nil); err != nil {
		return m.jobFault("starting", unit, err)
	}
	return nil
}

// EndScope ends all processes of a scope, and waits for it. There may be none.
func (m *Manager) EndScope(ctx context.Context, s Scope) error {
	state, err := m.State(ctx, s.Unit)
	if err != nil || state.Idle() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout+scopeMargin)
	defer cancel()
	stopped := m.Stop(ctx, s.Unit)
	if stopped == nil {
		return nil
	}
	// Its last process may have ended meanwhile, and the unit with it.
	if state, err := m.State(ctx, s.Unit); err == nil && state.Idle() {
		return nil
	}
	return message.Errorf("ending its processes: %w", stopped)
}

// scopeMargin is how long systemd may take for what it does itself.
const scopeMargin = 20 * time.Second
