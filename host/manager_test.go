package host

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host/played"
)

// managed returns a played systemd and a connection to it.
func managed(t *testing.T) (*played.Systemd, *Manager) {
	t.Helper()
	s := played.Start(t)
	m, err := UserManager(t.Context(), s.Dir, 998)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return s, m
}

// TestManagerIsAbsent: the fault says whose systemd is to be looked at.
func TestManagerIsAbsent(t *testing.T) {
	_, err := UserManager(t.Context(), t.TempDir(), 998)
	var f *Fault
	if !errors.As(err, &f) || !strings.Contains(f.Remedy.String(), "systemctl status user@998.service") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrCallerEnded)
	if _, err := UserManager(ctx, played.Start(t).Dir, 998); !errors.Is(err, ErrCallerEnded) {
		t.Errorf("canceled: %v", err)
	}
}

// TestJobs: each call asks for its job, and is done when the job is.
func TestJobs(t *testing.T) {
	s, m := managed(t)
	ctx := t.Context()
	for _, c := range []struct {
		do     func() error
		call   string
		active string // of the unit, afterwards
	}{
		{func() error { return m.Start(ctx, "a.service") }, "start a.service", "active"},
		{func() error { return m.Stop(ctx, "a.service") }, "stop a.service", "inactive"},
		{func() error { return m.TryRestart(ctx, "a.service") }, "try-restart a.service", "inactive"},
		{func() error { return m.Restart(ctx, "a.service") }, "restart a.service", "active"},
		{func() error { return m.ReloadOrRestart(ctx, "a.service") }, "reload a.service", "active"},
		{func() error { return m.ResetFailed(ctx, "a.service") }, "reset-failed a.service", "active"},
		{func() error { return m.Kill(ctx, "a.service", unix.SIGTERM) }, "kill a.service", "active"},
		{func() error { return m.DaemonReload(ctx) }, "daemon-reload", "active"},
		{func() error { return m.Begin(ctx, "a.service") }, "start a.service", "active"},
		{func() error { return m.BeginAgain(ctx, "a.service") }, "restart a.service", "active"},
		{func() error { return m.BeginScope(ctx, Scope{Unit: "a.service"}, 1) }, "run a.service", "active"},
	} {
		before := len(s.Calls())
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.call, err)
		}
		if calls := s.Calls()[before:]; !slices.Equal(calls, []string{c.call}) || s.Active("a.service") != c.active {
			t.Errorf("%s: asked for %q, the unit is %s", c.call, calls, s.Active("a.service"))
		}
		s.Refuses(c.call, "no room")
		if err := c.do(); err == nil || !strings.Contains(err.Error(), "no room") {
			t.Errorf("%s refused: %v", c.call, err)
		}
		s.Refuses(c.call, "")
	}
}

// TestJobResults: any word but done is a fault, which says how the unit was last
// seen and where its log is.
func TestJobResults(t *testing.T) {
	s, m := managed(t)
	s.Set("a.service", played.Properties{"StatusText": "no disk"})
	s.Ends("start a.service", "failed")
	err := m.Start(t.Context(), "a.service")
	var f *Fault
	if !errors.As(err, &f) || f.Remedy.String() != "journalctl _SYSTEMD_USER_UNIT=a.service -n 50 --no-pager" ||
		!strings.Contains(f.Error(), `systemd says "failed"; last state: failed (failed): no disk`) {
		t.Errorf("%v", err)
	}
	s.Ends("start a.service", "canceled", "canceled")
	if err := m.Start(t.Context(), "a.service"); err != nil {
		t.Errorf("canceled twice, and then done: %v", err)
	}
	s.Ends("stop a.service", slices.Repeat([]string{"canceled"}, jobAttempts)...)
	if err := m.Stop(t.Context(), "a.service"); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("canceled each time: %v", err)
	}
}

// TestJobWithoutAnEnd: who waits for a job waits no longer than it may, and not
// for a systemd that has gone.
func TestJobWithoutAnEnd(t *testing.T) {
	s, m := managed(t)
	s.Ends("start a.service", "", "")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Start(ctx, "a.service") }()
	for len(s.Calls()) == 0 {
		if kind, err := m.JobType(t.Context(), "a.service"); err != nil || kind == "stop" {
			t.Fatal(kind, err)
		}
	}
	if kind, err := m.JobType(t.Context(), "a.service"); err != nil || kind != "start" {
		t.Errorf("the job is %q, %v", kind, err)
	}
	cancel(ErrCallerEnded)
	if err := <-ended; !errors.Is(err, ErrCallerEnded) {
		t.Errorf("%v", err)
	}
	go func() { ended <- m.Start(t.Context(), "a.service") }()
	for len(s.Calls()) < 2 {
		if _, err := m.JobType(t.Context(), "a.service"); err != nil {
			t.Fatal(err)
		}
	}
	s.Hangup()
	if err := <-ended; err == nil {
		t.Error("it was done by nobody")
	}
	<-m.Gone()
	if _, err := m.JobType(t.Context(), "a.service"); err == nil {
		t.Error("a systemd that has gone has answered")
	}
}

// TestSkipped: a unit whose condition does not hold has not started, though
// systemd calls that done.
func TestSkipped(t *testing.T) {
	s, m := managed(t)
	type condition struct {
		Name             string
		Trigger, Negated bool
		Value            string
		Result           int32
	}
	s.Set("a.service", played.Properties{"ConditionResult": false, "Conditions": []condition{{"ConditionUser", false, false, "u7s-admin", -1}}})
	for name, start := range map[string]func(context.Context, string) error{"start": m.Start, "restart": m.Restart} {
		if err := start(t.Context(), "a.service"); !errors.Is(err, ErrSkipped) {
			t.Errorf("%s: %v", name, err)
		}
	}
	state, err := m.State(t.Context(), "a.service")
	if err != nil || !state.Skipped() || state.Unmet != "ConditionUser=u7s-admin" {
		t.Errorf("%+v, %v", state, err)
	}
	if err := m.notSkipped(t.Context(), "starting", "a.service"); !errors.Is(err, ErrSkipped) {
		t.Errorf("%v", err)
	}
	if err := m.notSkipped(t.Context(), "starting", "b.service"); err != nil {
		t.Errorf("a unit that is not loaded: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	s, m := managed(t)
	s.SetEnvironment("A=1", "B=two words")
	if env, err := m.Environment(); err != nil || !slices.Equal(env, []string{"A=1", "B=two words"}) {
		t.Errorf("%q, %v", env, err)
	}
}

// TestChanges: whoever follows is told that something changed.
func TestChanges(t *testing.T) {
	s, m := managed(t)
	changed, err := m.Changes()
	if err != nil {
		t.Fatal(err)
	}
	s.Set("a.service", played.Properties{"ActiveState": "failed"})
	select {
	case <-changed:
	case <-t.Context().Done():
		t.Error("nothing was told")
	}
}
