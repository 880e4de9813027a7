package staticpod

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/played"
)

func TestStandInSystemctlRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		status int
		fault  bool
	}{
		{"daemon-reload", []string{"daemon-reload"}, statusOK, false},
		{"is-enabled", []string{"is-enabled", "kubelet"}, statusOK, false},
		{"another unit's state", []string{"is-active", "firewalld"}, statusNoSuchUnit, false},
		{"another unit", []string{"stop", "crio"}, statusUsage, true},
		{"no unit", []string{"start"}, statusUsage, true},
		{"nothing", nil, statusUsage, true},
		{"two units", []string{"start", "kubelet", "crio"}, statusUsage, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, err := StandInSystemctl(context.Background(), c.args)
			var f *host.Fault
			if status != c.status || errors.As(err, &f) != c.fault {
				t.Errorf("got %d, %v", status, err)
			}
		})
	}
}

// TestStandInSystemctl: kubeadm's words reach the user's kubelet.
func TestStandInSystemctl(t *testing.T) {
	for _, c := range []struct {
		args   string
		active string // of the kubelet
		status int
		calls  []string
	}{
		{"daemon-reload", "", statusOK, nil},
		{"is-enabled kubelet", "", statusOK, nil},
		{"start kubelet", "", statusOK, []string{"start u7s-kubelet.service"}},
		{"restart kubelet.service", "", statusOK, []string{"restart u7s-kubelet.service"}},
		{"stop kubelet --no-block", "", statusOK, []string{"stop u7s-kubelet.service"}},
		{"is-active kubelet", "inactive", statusOK, nil},
		{"is-active kubelet", "active", statusOK, nil},
		{"status kubelet", "failed", statusNotRunning, nil},
		{"is-active docker", "", statusNoSuchUnit, nil},
	} {
		s := played.Start(t)
		t.Setenv("XDG_RUNTIME_DIR", s.Dir)
		if c.active != "" {
			s.Set("u7s-kubelet.service", played.Properties{"ActiveState": c.active})
		}
		status, err := StandInSystemctl(t.Context(), strings.Fields(c.args))
		if err != nil || status != c.status || !slices.Equal(s.Calls(), c.calls) {
			t.Errorf("%s: %d, %q, %v", c.args, status, s.Calls(), err)
		}
	}
	s := played.Start(t)
	t.Setenv("XDG_RUNTIME_DIR", s.Dir)
	s.Refuses("start u7s-kubelet.service", "no room")
	if status, err := StandInSystemctl(t.Context(), []string{"start", "kubelet"}); err == nil || status != statusFailed {
		t.Errorf("%d, %v", status, err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if status, err := StandInSystemctl(t.Context(), []string{"is-active", "kubelet"}); err == nil || status != statusFailed {
		t.Errorf("without systemd: %d, %v", status, err)
	}
}
