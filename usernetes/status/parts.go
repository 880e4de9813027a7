package status

import (
	"context"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/services"
)

// A service that has come up again and has run for less than this, after as
// many restarts, does not count as one that runs.
const (
	unsteadyRestarts = 3
	unsteadyTime     = 20 * time.Second
)

// A Part is one service of the node, as systemd and it say themselves.
type Part struct {
	Unit   string
	State  host.UnitState
	answer message.Text // why it does not work, by its own word; nothing when it does or was not asked
}

// LookAtParts asks systemd for each part of the node, and then the parts
// themselves, when there is anyone to be asked.
func LookAtParts(ctx context.Context, manager *host.Manager, n node.Node) (parts []Part, err error) {
	for _, service := range services.Of(n) {
		s, err := manager.State(ctx, service.Unit)
		if err != nil {
			return nil, err
		}
		parts = append(parts, Part{Unit: service.Unit, State: s})
	}
	if !parts[0].State.Up() {
		return parts, nil
	}
	answers, err := askParts(ctx)
	if err != nil {
		parts[0].answer = message.OfError(err)
	}
	for i, p := range parts {
		if answer, asked := answers[p.Unit]; asked {
			parts[i].answer = answer
		}
	}
	return parts, nil
}

// States of a part beside systemd's own words.
const (
	stateRestarting message.Format = "restarting"
	stateSkipped    message.Format = "skipped"
	stateWaiting    message.Format = "waiting"
	stateSilent     message.Format = "not answering"
)

// line says how a part is at a moment; its Fault is empty when it is well.
func (p Part) line(now time.Time) UnitStatus {
	s := p.State
	line := UnitStatus{Unit: p.Unit, State: message.Format(s.Active), Since: s.Started}
	switch {
	case s.Skipped():
		line.State = stateSkipped
		line.Fault = message.Of("systemd has skipped it: %s is not met", s.Unmet)
	case restarting(s, now):
		line.State = stateRestarting
		if s.Restarts == 0 {
			line.Fault = message.Of("it has ended, and systemd will start it again")
			break
		}
		line.Fault = message.Count(int(s.Restarts), "it does not stay up and was restarted %d time", "it does not stay up and was restarted %d times", s.Restarts)
	case s.Active == "failed":
		line.Fault = message.Of("it has failed (%s)", s.Result)
	case line.State == "activating":
		line.Fault = message.Of("it has not started yet")
	case s.Waits && !s.Up():
		line.State = stateWaiting
		line.Fault = message.Of("it waits for other services to start")
	case !s.Up():
		line.Fault = message.Of("it is not running")
	case !p.answer.Empty():
		line.State = stateSilent
		line.Fault = p.answer
	}
	return line
}

// restarting reports whether a service has not come up to stay: systemd waits
// before it starts it again, or has just done so.
func restarting(s host.UnitState, now time.Time) bool {
	switch {
	case s.Sub == "auto-restart":
		return true
	case s.Active == "activating":
		return s.Restarts > 0
	default:
		return s.Up() && s.Restarts >= unsteadyRestarts && now.Sub(s.Started) < unsteadyTime
	}
}

// allStopped reports whether nothing of the node runs or tries to. What
// follows the manifests needs no namespaces and may go on without them.
func allStopped(parts []Part) bool {
	return !slices.ContainsFunc(parts, func(p Part) bool { return p.Unit != units.Manifests && !p.State.Idle() })
}
