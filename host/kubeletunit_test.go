package host

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
)

// TestUnitFileIsPutAside: the administrator's unit file comes back, and so does
// a link that masks the unit, which is never touched.
func TestUnitFileIsPutAside(t *testing.T) {
	const path = "/etc/systemd/system/kubelet.service"
	plan := Plan{File{Path: path, Absent: true}}
	mask := func(h *Host) error { return errors.Join(Remove(h.path(path)), os.Symlink("/dev/null", h.path(path))) }
	t.Run("a file", func(t *testing.T) {
		h := testHost(t)
		before := tree(t, h)
		apply(t, h, plan)
		if h.present(path) {
			t.Error("it is still there")
		}
		erasedTo(t, h, before)
	})
	t.Run("of an older podsec-k8s", func(t *testing.T) {
		h := testHost(t)
		before := tree(t, h)
		apply(t, h, Plan{File{Path: path, Data: []byte("ours\n"), Mode: 0o644}})
		apply(t, h, plan)
		if h.present(path) {
			t.Error("it is still there")
		}
		erasedTo(t, h, before)
	})
	t.Run("masked", func(t *testing.T) {
		h := testHost(t)
		if err := mask(h); err != nil {
			t.Fatal(err)
		}
		before := tree(t, h)
		apply(t, h, plan)
		if now, _ := h.stateOf(path); !now.mask() {
			t.Error("the mask is gone")
		}
		erasedTo(t, h, before)
	})
	t.Run("unmasked since", func(t *testing.T) {
		h := testHost(t)
		if err := mask(h); err != nil {
			t.Fatal(err)
		}
		apply(t, h, plan)
		if err := errors.Join(Remove(h.path(path)), Erase(t.Context(), h)); err != nil {
			t.Fatal(err)
		}
		if h.present(path) {
			t.Error("it is masked again")
		}
	})
	t.Run("masked since", func(t *testing.T) {
		h := testHost(t)
		apply(t, h, plan)
		if err := mask(h); err != nil {
			t.Fatal(err)
		}
		apply(t, h, plan)
		if err := Erase(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if now, _ := h.stateOf(path); !now.mask() {
			t.Error("the mask is gone")
		}
	})
}

// A playedManager is a systemd with one service.
type playedManager struct {
	unit  LoadedUnit
	calls []string
}

func (m *playedManager) Start(_ context.Context, unit string) error {
	m.calls = append(m.calls, "start "+unit)
	return nil
}

func (m *playedManager) Stop(_ context.Context, unit string) error {
	m.calls = append(m.calls, "stop "+unit)
	return nil
}
func (m *playedManager) DaemonReload(context.Context) error                 { return nil }
func (m *playedManager) Loaded(context.Context, string) (LoadedUnit, error) { return m.unit, nil }
func (m *playedManager) Close()                                             {}

// TestOnlyTheGuardIsStopped: erase stops no kubelet that is not of podsec-k8s.
func TestOnlyTheGuardIsStopped(t *testing.T) {
	for running, want := range map[string][]string{
		"/usr/bin/podsec-k8s\x00kubelet-guard\x00": {"stop kubelet.service"},
		"/usr/bin/kubelet\x00--config=/x\x00":      nil,
		"/usr/bin/podsec-k8s\x00status\x00":        nil,
		"":                                         {"stop kubelet.service"}, // it waits to be started again
	} {
		h := testHost(t)
		put(t, h, "/proc/7/cmdline", running)
		m := &playedManager{unit: LoadedUnit{PID: 7}}
		h.Units = func(context.Context) (UnitManager, error) { return m, nil }
		stopped := Stopped{Unit: "kubelet.service"} // as an older podsec-k8s recorded it
		apply(t, h, Plan{stopped})
		stopped.Program = []string{"/usr/bin/podsec-k8s", "kubelet-guard"}
		apply(t, h, Plan{stopped})
		if err := Erase(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(m.calls, want) {
			t.Errorf("with %q running: %q", running, m.calls)
		}
	}
}

func TestLoadedUnit(t *testing.T) {
	got := loadedUnit(map[string]any{
		"LoadState": "loaded", "ActiveState": "activating", "FragmentPath": "/a", "DropInPaths": []string{"/b", "/c"}, "MainPID": uint32(3),
		"User": "root", "Group": "", "DynamicUser": false, "Environment": []string{"A=1"},
		"ExecStart": [][]any{{"/bin/sh", []string{"/bin/sh", "-c", "true"}, false}}, "ExecStop": [][]any{},
	})
	if !got.Runs() || got.PID != 3 || len(got.Settings) != 3 || !slices.Equal(got.Settings["ExecStart"], []string{"/bin/sh -c true"}) ||
		!slices.Equal(got.Settings["User"], []string{"root"}) || !slices.Equal(got.Settings["Environment"], []string{"A=1"}) {
		t.Errorf("%+v", got)
	}
}
