package status

import (
	"context"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// A service that systemd has started again so often in so short a time does
// not come up by itself: each of its lives has lasted a few seconds at the
// most. One that waits for another, as an apiserver does for its etcd, lives
// for 20 s and more.
const (
	crashCount  = 4
	crashWindow = 20 * time.Second
)

// LookInterval is how often the parts of a node that comes up are looked at.
const LookInterval = 500 * time.Millisecond

// A restartSample is how often a service has been started again at a moment.
type restartSample struct {
	at    time.Time
	count uint32
}

// A CrashLog is the samples of services, by unit.
type CrashLog map[string][]restartSample

// Note adds a sample and reports whether the service ends again and again. It
// keeps what is not older than crashWindow. A count that falls is one that
// somebody has set back, by starting the service by hand.
func (l CrashLog) Note(unit string, at time.Time, count uint32) bool {
	samples := l[unit]
	if len(samples) > 0 && count < samples[len(samples)-1].count {
		samples = nil
	}
	for len(samples) > 0 && at.Sub(samples[0].at) > crashWindow {
		samples = samples[1:]
	}
	l[unit] = append(samples, restartSample{at, count})
	return count-l[unit][0].count >= crashCount
}

// A crashError says which service ends again and again.
type crashError struct{ unit string }

func (e *crashError) Error() string { return e.Say().String() }

// Say is Error in any language.
func (e *crashError) Say() message.Text {
	return message.Count(crashCount, "%s was restarted %d time within %s", "%s was restarted %d times within %s", e.unit, crashCount, crashWindow)
}

// CrashFault gives it with a remedy.
func CrashFault(unit string) error {
	return host.WithRemedy(&crashError{unit},
		"fix what the service reports and run the same command again to continue; its whole log: journalctl _SYSTEMD_USER_UNIT=%s -n 50 --no-pager", unit)
}

// watchCrashes looks at services until one of them ends again and again, which
// is the error, or ctx has ended.
func watchCrashes(ctx context.Context, manager *host.Manager, names []string) error {
	log := CrashLog{}
	for {
		for _, name := range names {
			s, err := manager.State(ctx, name)
			if err == nil && log.Note(name, time.Now(), s.Restarts) {
				return CrashFault(name)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(LookInterval):
		}
	}
}

// UntilCrash does something that waits for services of the node, and ends it
// as soon as one of them ends again and again: kubeadm would wait for minutes.
func UntilCrash(ctx context.Context, manager *host.Manager, do func(context.Context) error) error {
	return until(ctx, func(ctx context.Context) error { return watchCrashes(ctx, manager, kubeadmsUnits()) }, do)
}

// kubeadmsUnits lists what kubeadm waits for.
func kubeadmsUnits() []string {
	names := []string{units.RootlessKit, units.CRIO, units.Kubelet}
	for _, name := range staticpod.Components() {
		names = append(names, units.Component(name))
	}
	return names
}
