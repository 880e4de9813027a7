package host

import (
	"context"
	"errors"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/alt-cloud/podsec-k8s/message"
)

// A UnitState is what a manager says of one unit. The words are systemd's. A
// unit that the manager has not loaded is inactive and has nothing else to say.
// Source: org.freedesktop.systemd1(5).
type UnitState struct {
	Active   string    // active, reloading, inactive, failed, activating, deactivating
	Sub      string    // running, dead, auto-restart …
	Result   string    // of a service: success, exit-code, signal, watchdog, start-limit-hit …
	PID      uint32    // of a service's main process; 0 when there is none
	Restarts uint32    // how often systemd has started a service again by itself
	Started  time.Time // when a service's main process started last; zero when none has
	Status   string    // what a service says of itself, one line without control characters
	Waits    bool      // systemd has a job for it that is not done
	Unmet    string    // the condition that did not hold when the unit was last to be started, such as "ConditionUser=x"; "" when all held
}

// Up reports whether the unit runs.
func (s UnitState) Up() bool { return s.Active == "active" || s.Active == "reloading" }

// Idle reports whether the unit does not run and is not going to.
func (s UnitState) Idle() bool { return (s.Active == "inactive" || s.Active == "failed") && !s.Waits }

// Skipped reports whether the unit does not run because of a condition.
func (s UnitState) Skipped() bool { return s.Unmet != "" && s.Active == "inactive" && !s.Waits }

// State returns how a unit is. It does not make the manager load the unit:
// loading one that nothing needs, and dropping it again, is a change that
// everyone who follows changes is told of.
func (m *Manager) State(ctx context.Context, unit string) (UnitState, error) {
	loaded, err := m.conn.ListUnitsByPatternsContext(ctx, nil, []string{unit})
	if err != nil {
		return UnitState{}, message.Errorf("getting %s from systemd: %w", unit, err)
	}
	if len(loaded) == 0 {
		return UnitState{Active: "inactive", Sub: "dead"}, nil
	}
	p, err := m.properties(ctx, unit)
	if err != nil {
		return UnitState{}, err
	}
	return unitState(p), nil
}

// properties asks for all that the manager knows of a unit, which it loads when
// it has to.
func (m *Manager) properties(ctx context.Context, unit string) (map[string]any, error) {
	p, err := m.conn.GetAllPropertiesContext(ctx, unit)
	if err != nil {
		return nil, message.Errorf("getting %s from systemd: %w", unit, err)
	}
	return p, nil
}

// unitState reads a unit's properties.
func unitState(p map[string]any) (s UnitState) {
	s.Active, _ = p["ActiveState"].(string)
	s.Sub, _ = p["SubState"].(string)
	s.Result, _ = p["Result"].(string)
	s.PID, _ = p["MainPID"].(uint32)
	s.Restarts, _ = p["NRestarts"].(uint32)
	if at, _ := p["ExecMainStartTimestamp"].(uint64); at != 0 {
		s.Started = time.UnixMicro(int64(at))
	}
	status, _ := p["StatusText"].(string)
	s.Status = Printable(status)
	if job, _ := p["Job"].([]any); len(job) > 0 {
		id, _ := job[0].(uint32)
		s.Waits = id != 0
	}
	if held, known := p["ConditionResult"].(bool); known && !held {
		s.Unmet = unmet(p["Conditions"])
	}
	return s
}

// unmet returns the first condition that systemd found not to hold. Each is
// its name, whether it is one of several of which one is enough, whether it is
// negated, its value, and the result: negative when it did not hold.
func unmet(conditions any) string {
	list, _ := conditions.([][]any)
	for _, c := range list {
		var (
			name, value      string
			trigger, negated bool
			result           int32
		)
		if err := dbus.Store(c, &name, &trigger, &negated, &value, &result); err != nil || result >= 0 {
			continue
		}
		if negated {
			value = "!" + value
		}
		if trigger {
			value = "|" + value
		}
		return Printable(name + "=" + value)
	}
	return ""
}

// JobType returns what systemd is doing with a unit, such as start, stop or
// restart; "" when nothing. A restart is one until the unit has stopped.
// Source: org.freedesktop.systemd1(5), "ListJobs"; systemd's src/core/job.c.
func (m *Manager) JobType(ctx context.Context, unit string) (string, error) {
	jobs, err := m.conn.ListJobsContext(ctx)
	if err != nil {
		return "", message.Errorf("getting systemd's jobs: %w", err)
	}
	for _, job := range jobs {
		if job.Unit == unit {
			return job.JobType, nil
		}
	}
	return "", nil
}

// Ending reports whether the machine is going down.
// Source: org.freedesktop.systemd1(5), "SystemState".
func (m *Manager) Ending(ctx context.Context) (bool, error) {
	state, err := m.conn.SystemStateContext(ctx)
	if err != nil {
		return false, message.Errorf("getting the state of the machine from systemd: %w", err)
	}
	return state.Value.Value() == "stopping", nil
}

// A UnitFileState is whether a unit starts by itself: enabled, disabled,
// static, masked …, "" when there is no such unit.
// Source: systemctl(1), "is-enabled".
type UnitFileState string

// File returns the state of a unit's file, without loading the unit.
func (m *Manager) File(ctx context.Context, unit string) (UnitFileState, error) {
	files, err := m.conn.ListUnitFilesByPatternsContext(ctx, nil, []string{unit})
	if err != nil {
		return "", message.Errorf("getting the unit file of %s from systemd: %w", unit, err)
	}
	switch len(files) {
	case 0:
		return "", nil
	case 1:
		return UnitFileState(files[0].Type), nil
	}
	return "", errors.New("getting the unit file of " + unit + " from systemd: there are several")
}
