package host

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/message"
)

// withSystemd gives a host a played systemd, and a loginctl that notes who
// lingers as logind does.
func withSystemd(t *testing.T, h *Host) *played.Systemd {
	t.Helper()
	s := played.Start(t)
	h.Units = func(ctx context.Context) (UnitManager, error) { return UserManager(ctx, s.Dir, 0) }
	run := h.Run
	h.Run = func(ctx context.Context, c Command) error {
		if c.Path != "loginctl" {
			return run(ctx, c)
		}
		file := h.path(filepath.Join(lingerDir, c.Args[1]))
		if c.Args[0] == "disable-linger" {
			return os.Remove(file)
		}
		return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644))
	}
	return s
}

// TestLinger: the user's systemd is started when the package comes, and ends with
// it. What logind noted before stays.
func TestLinger(t *testing.T) {
	linger := Linger{User: "u7s-admin", UID: 998}
	for _, c := range []struct {
		name   string
		before func(h *Host) error
		calls  []string
	}{
		{"nobody lingered", func(h *Host) error { return os.RemoveAll(h.path(lingerDir)) }, []string{"start user@998.service", "stop user@998.service", "stop user-runtime-dir@998.service"}},
		{"somebody lingered", func(*Host) error { return nil }, []string{"start user@998.service", "stop user@998.service", "stop user-runtime-dir@998.service"}},
		{"the user lingered", func(h *Host) error { return os.WriteFile(h.path(linger.file()), nil, 0o644) }, []string{"start user@998.service"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := testHost(t)
			s := withSystemd(t, h)
			if err := c.before(h); err != nil {
				t.Fatal(err)
			}
			before := tree(t, h)
			apply(t, h, Plan{linger})
			if !h.present(linger.file()) {
				t.Error("logind has no note of the user")
			}
			erasedTo(t, h, before)
			if calls := s.Calls(); !slices.Equal(calls, c.calls) {
				t.Errorf("systemd was asked for %q", calls)
			}
		})
	}
}

// TestLingerWithoutItsManager: a user's systemd that does not start holds no
// package up.
func TestLingerWithoutItsManager(t *testing.T) {
	h := testHost(t)
	s := withSystemd(t, h)
	s.Ends("start user@998.service", "failed")
	var notes []string
	h.Note = func(text message.Text) { notes = append(notes, text.String()) }
	apply(t, h, Plan{Linger{User: "u7s-admin", UID: 998}})
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "warning: the systemd of u7s-admin is not running: ") {
		t.Errorf("%q", notes)
	}
}

// TestReload: unit files are read again when a plan is made and when it is
// undone, and a systemd that can't be reached is a fault.
func TestReload(t *testing.T) {
	h := testHost(t)
	s := withSystemd(t, h)
	apply(t, h, Plan{Reload{Of: "a"}})
	if err := Erase(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if calls := s.Calls(); !slices.Equal(calls, []string{"daemon-reload", "daemon-reload"}) {
		t.Errorf("%q", calls)
	}
	s.Refuses("daemon-reload", "no room")
	if err := (Plan{Reload{Of: "b"}}).Apply(t.Context(), h); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("%v", err)
	}
	h.Units = func(context.Context) (UnitManager, error) { return nil, os.ErrPermission }
	if err := (Plan{Reload{Of: "c"}}).Apply(t.Context(), h); !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v", err)
	}
	if _, err := h.Loaded(t.Context(), "a.service"); !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v", err)
	}
}

// TestWithoutSystemd: an image that is being built has none, and nothing is
// asked of it.
func TestWithoutSystemd(t *testing.T) {
	h := testHost(t)
	before := tree(t, h)
	apply(t, h, Plan{Linger{User: "u7s-admin", UID: 998}, Reload{Of: "a"}, Stopped{Unit: "a.service"}})
	if u, err := h.Loaded(t.Context(), "a.service"); err != nil || u.Runs() {
		t.Errorf("%+v, %v", u, err)
	}
	erasedTo(t, h, before)
}

// TestStopped: what the plan's program runs is stopped; what another file made the
// unit run goes on.
func TestStopped(t *testing.T) {
	guard := []string{"/usr/bin/podsec-k8s", "kubelet-guard"}
	for running, want := range map[string]string{
		"/usr/bin/podsec-k8s\x00kubelet-guard\x00": "inactive",
		"/usr/bin/kubelet\x00":                     "active",
	} {
		h := testHost(t)
		s := withSystemd(t, h)
		put(t, h, "/proc/7/cmdline", running)
		s.Set("kubelet.service", played.Properties{"ActiveState": "active", "MainPID": uint32(7)})
		apply(t, h, Plan{Stopped{Unit: "kubelet.service", Program: guard}})
		if err := Erase(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if got := s.Active("kubelet.service"); got != want {
			t.Errorf("%q is %s", running, got)
		}
	}
}
