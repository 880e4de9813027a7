package staticpod

import (
	"context"
	"errors"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
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
