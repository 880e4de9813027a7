package status

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestCrashLog(t *testing.T) {
	type sample struct {
		second float64
		count  uint32
	}
	every := func(seconds float64, count int) (all []sample) {
		for i := range count {
			all = append(all, sample{float64(i) * seconds, uint32(i)})
		}
		return all
	}
	for _, c := range []struct {
		name    string
		samples []sample
		want    bool
	}{
		{"runs", []sample{{0, 0}, {10, 0}, {300, 0}}, false},
		{"one restart", []sample{{0, 0}, {3, 1}, {6, 1}}, false},
		{"ends within a second, started again after two", every(3, 5), true},
		{"as often as that, and not once more", every(3, 4), false},
		{"a slow machine", every(5, 5), true},
		{"an apiserver that waits for its etcd", every(22, 20), false},
		{"restarts from long ago", []sample{{0, 50}, {1, 50}, {2, 51}}, false},
		{"many between two looks", []sample{{0, 3}, {4, 9}}, true},
		{"started by hand meanwhile", []sample{{0, 3}, {1, 0}, {2, 1}, {3, 2}, {4, 3}}, false},
		{"ends again and again after that, too", []sample{{0, 3}, {1, 0}, {4, 1}, {7, 2}, {10, 3}, {13, 4}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, start, got := CrashLog{}, time.Now(), false
			for _, s := range c.samples {
				got = log.Note("u7s-x.service", start.Add(time.Duration(s.second*float64(time.Second))), s.count)
				if log.Note("u7s-other.service", start, 0) {
					t.Error("one service is taken for another")
				}
			}
			if got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestUntilCrash: what waits for services ends as soon as one of them ends again
// and again; what has ended well before is well.
func TestUntilCrash(t *testing.T) {
	m := playMachine(t, "{}")
	manager, err := node.UserManager(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	if err := UntilCrash(t.Context(), manager, func(context.Context) error { return nil }); err != nil {
		t.Errorf("done: %v", err)
	}
	own := errors.New("its own")
	if err := UntilCrash(t.Context(), manager, func(context.Context) error { return own }); !errors.Is(err, own) {
		t.Errorf("a fault of its own: %v", err)
	}
	m.systemd.Set(units.CRIO, played.Properties{"NRestarts": uint32(0)})
	err = UntilCrash(t.Context(), manager, func(ctx context.Context) error {
		for restarts := uint32(0); ctx.Err() == nil; restarts += crashCount {
			m.systemd.Set(units.CRIO, played.Properties{"NRestarts": restarts})
			select {
			case <-ctx.Done():
			case <-time.After(LookInterval):
			}
		}
		return ctx.Err()
	})
	var crash *crashError
	if !errors.As(err, &crash) || crash.unit != units.CRIO || !strings.HasPrefix(crash.Error(), "u7s-crio.service was restarted 4 times") || host.AsFault(err).Remedy.Empty() {
		t.Errorf("%v", err)
	}
}
