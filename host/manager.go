package host

import (
	"context"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"

	"github.com/alt-cloud/podsec-k8s/message"
)

// SystemManager connects to the system's manager. It takes root.
func SystemManager(ctx context.Context) (*Manager, error) {
	return connect(ctx, "/run/systemd/private", 0, "-u ")
}

// UserManager connects to the manager of a user. runtimeDir is the user's
// XDG_RUNTIME_DIR; uid is the user's id outside of any user namespace.
func UserManager(ctx context.Context, runtimeDir string, uid uint32) (*Manager, error) {
	m, err := connect(ctx, filepath.Join(runtimeDir, "systemd/private"), uid, "_SYSTEMD_USER_UNIT=")
	if err != nil {
		return nil, WithRemedy(err,
			"check that the user's systemd is running: systemctl status user@%d.service", uid)
	}
	return m, nil
}

// connectTimeout is how long a manager may take to take up a connection. Whoever
// has its socket may say nothing for ever.
const connectTimeout = 10 * time.Second

func connect(ctx context.Context, socket string, uid uint32, logs string) (*Manager, error) {
	var signals *dbus.Conn
	// A timer and no deadline: what is connected stays so.
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(connectTimeout, func() { cancel(message.Errorf("no answer within %s", connectTimeout)) })
	defer late.Stop()
	conn, err := systemd.NewConnection(func() (*dbus.Conn, error) {
		bus, err := dbus.Dial("unix:path="+socket, dbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		if err := bus.Auth([]dbus.Auth{dbus.AuthExternal(strconv.FormatUint(uint64(uid), 10))}); err != nil {
			bus.Close() //nolint:errcheck // the cause is reported
			return nil, err
		}
		signals = bus // the last one made gets the signals
		return bus, nil
	})
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, message.Errorf("connecting to systemd at %q: %w", socket, err)
	}
	return &Manager{conn: conn, signals: signals, logs: logs}, nil
}

// Close ends the connection.
func (m *Manager) Close() { m.conn.Close() }

// Gone is closed when the manager has ended the connection, which it does when
// it makes place for another version of itself.
// Source: systemctl(1), "daemon-reexec".
func (m *Manager) Gone() <-chan struct{} { return m.signals.Context().Done() }

// Start starts a unit and waits until its job is done. A unit that systemd
// skips, for one of its conditions does not hold, has not started: the error
// is ErrSkipped then.
func (m *Manager) Start(ctx context.Context, unit string) error {
	if err := m.job(ctx, "starting", unit, m.conn.StartUnitContext); err != nil {
		return err
	}
	return m.notSkipped(ctx, "starting", unit)
}

// Stop stops a unit and waits until its job is done.
func (m *Manager) Stop(ctx context.Context, unit string) error {
	return m.job(ctx, "stopping", unit, m.conn.StopUnitContext)
}

// Restart restarts a unit, or starts it, and waits until its job is done. A
// unit that is skipped is an error as it is for Start.
func (m *Manager) Restart(ctx context.Context, unit string) error {
	if err := m.job(ctx, "restarting", unit, m.conn.RestartUnitContext); err != nil {
		return err
	}
	return m.notSkipped(ctx, "restarting", unit)
}

// TryRestart restarts a unit that runs, and waits until its job is done. Of one
// that does not run it does nothing.
func (m *Manager) TryRestart(ctx context.Context, unit string) error {
	return m.job(ctx, "restarting", unit, m.conn.TryRestartUnitContext)
}

// ErrSkipped says that systemd has not started a unit, and that this is no
// failure to it. Source: systemd.unit(5), "Conditions and Asserts".
var ErrSkipped = message.New("systemd has skipped it")

// notSkipped returns an error for a unit whose job was done by leaving it out.
func (m *Manager) notSkipped(ctx context.Context, doing, unit string) error {
	s, err := m.State(ctx, unit)
	if err != nil || !s.Skipped() {
		return err
	}
	return m.jobFault(doing, unit, message.Errorf("%w: condition %s is not met", ErrSkipped, s.Unmet))
}

// ReloadOrRestart makes a unit read its configuration again.
func (m *Manager) ReloadOrRestart(ctx context.Context, unit string) error {
	return m.job(ctx, "reloading", unit, m.conn.ReloadOrRestartUnitContext)
}

// DaemonReload makes the manager read its unit files again.
func (m *Manager) DaemonReload(ctx context.Context) error {
	if err := m.conn.ReloadContext(ctx); err != nil {
		return message.Errorf("reloading unit files: %w", err)
	}
	return nil
}

// ResetFailed forgets that a unit failed, and its count of starts.
func (m *Manager) ResetFailed(ctx context.Context, unit string) error {
	return m.conn.ResetFailedUnitContext(ctx, unit)
}

// Environment returns the variables that the manager gives every unit.
// Source: org.freedesktop.systemd1(5), the manager's property Environment.
func (m *Manager) Environment() ([]string, error) {
	text, err := m.conn.GetManagerProperty("Environment")
	if err != nil {
		return nil, message.Errorf("getting systemd's environment: %w", err)
	}
	value, err := dbus.ParseVariant(text, dbus.SignatureOf([]string{}))
	if err != nil {
		return nil, message.Errorf("reading systemd's environment: %w", err)
	}
	env, _ := value.Value().([]string)
	return env, nil
}

// Kill sends a signal to a unit's processes.
func (m *Manager) Kill(ctx context.Context, unit string, signal syscall.Signal) error {
	return m.conn.KillUnitWithTarget(ctx, unit, systemd.All, int32(signal))
}

// Changes tells that some unit of the manager changed its state. The
// channel holds one token at the most; whoever receives asks for State.
// Source: org.freedesktop.DBus.Properties, PropertiesChanged.
func (m *Manager) Changes() (<-chan struct{}, error) {
	if err := m.conn.Subscribe(); err != nil {
		return nil, message.Errorf("subscribing to systemd: %w", err)
	}
	signals := make(chan *dbus.Signal, 64)
	m.signals.Signal(signals) // closed with the connection
	tokens := make(chan struct{}, 1)
	go func() {
		for s := range signals {
			if s.Name != "org.freedesktop.DBus.Properties.PropertiesChanged" || len(s.Body) == 0 || s.Body[0] != "org.freedesktop.systemd1.Unit" {
				continue
			}
			select {
			case tokens <- struct{}{}:
			default:
			}
		}
	}()
	return tokens, nil
}

type jobCall func(ctx context.Context, name, mode string, done chan<- string) (int, error)

// job asks for a job and waits for its result; any word but done is an error.
// One that is canceled is asked for again: a job of the opposite kind, which
// someone else has asked for, has taken its place. Source: the list of results
// at go-systemd's StartUnit.
func (m *Manager) job(ctx context.Context, doing, unit string, call jobCall) error {
	for asked := 1; ; asked++ {
		done := make(chan string, 1)
		if _, err := call(ctx, unit, "replace", done); err != nil {
			return m.jobFault(doing, unit, err)
		}
		select {
		case result := <-done:
			switch {
			case result == "done":
				return nil
			case result == "canceled" && asked < jobAttempts: // for one of the opposite kind
				time.Sleep(jobInterval)
				continue
			}
			return m.jobFault(doing, unit, m.lastSeen(unit, message.Errorf("systemd says %q", result)))
		case <-m.Gone():
			return m.jobFault(doing, unit, message.New("systemd has ended"))
		case <-ctx.Done():
			return m.jobFault(doing, unit, m.lastSeen(unit, context.Cause(ctx)))
		}
	}
}

// A job that another one has canceled is asked for again, so many times in all,
// so far apart.
const (
	jobAttempts = 5
	jobInterval = 200 * time.Millisecond
)

func (m *Manager) lastSeen(unit string, cause error) error {
	s, err := m.State(context.Background(), unit)
	if err != nil {
		return cause
	}
	cause = message.Errorf("%w; last state: %s (%s)", cause, s.Active, s.Sub)
	if s.Status != "" {
		return message.Errorf("%w: %s", cause, s.Status)
	}
	return cause
}

func (m *Manager) jobFault(doing, unit string, err error) error {
	return WithRemedy(message.Errorf("%s %s: %w", doing, unit, err),
		"journalctl %s%s -n 50 --no-pager", m.logs, unit)
}

// Begin asks for a unit to be started and does not wait for it.
func (m *Manager) Begin(ctx context.Context, unit string) error {
	if _, err := m.conn.StartUnitContext(ctx, unit, "replace", nil); err != nil {
		return m.jobFault("starting", unit, err)
	}
	return nil
}

// BeginAgain asks for a unit to be restarted, or started when it does not
// run, and does not wait for it.
func (m *Manager) BeginAgain(ctx context.Context, unit string) error {
	if _, err := m.conn.RestartUnitContext(ctx, unit, "replace", nil); err != nil {
		return m.jobFault("restarting", unit, err)
	}
	return nil
}
