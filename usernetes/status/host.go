package status

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A HostView is what root sees of the node: the system's units that belong to
// it.
type HostView struct {
	Guard     host.UnitState // of kubelet.service
	GuardFile host.UnitFileState
	Net       []NetUnit       // of the root service, in a mode that has one
	Published map[string]bool // the ports that this service publishes
}

// A NetUnit is one of the root service's units.
type NetUnit struct {
	Name  string
	State host.UnitState
}

// WithHost adds what root sees, and says what to do by both.
func (o Status) WithHost(v HostView) Status {
	if o.State == StateNone {
		return o
	}
	lines := []UnitStatus{{Unit: units.Guard, State: message.Format(v.Guard.Active)}}
	for _, unit := range v.Net {
		lines = append(lines, UnitStatus{Unit: unit.Name, State: message.Format(unit.State.Active)})
		if !unit.State.Up() && o.State != StateStopped && o.State != StateRemoved {
			o.Faults = append(o.Faults, node.NewProblem(host.WithRemedy(message.Errorf("%s, which the network mode %s needs, is not running", unit.Name, o.Network),
				"systemctl restart %s", unit.Name)))
		}
	}
	o.Units = append(lines, o.Units...)
	if o.State != StateUnfinished && o.State != StateRemoved {
		o.Faults = append(v.guardFaults(o.State, len(o.Faults) > 0), o.Faults...)
	}
	if node.ModeOf(o.Network).RootService {
		o.Ports = v.servicePorts(o.Ports)
	}
	return o
}

// guardFaults says what is wrong with kubelet.service, which is to bring the
// node up, now and at boot. known says that it is known already why the node
// does not run.
func (v HostView) guardFaults(state string, known bool) (lines []node.Problem) {
	add := func(f *host.Fault) { lines = append(lines, node.NewProblem(f)) }
	masked := strings.HasPrefix(string(v.GuardFile), "masked")
	switch stopped := state == StateStopped; {
	case stopped && v.Guard.Up():
		add(host.NewFault(node.StartRemedy(true), "the node's services were stopped, but kubelet.service was not"))
	case stopped && masked && v.Guard.Idle():
		add(host.NewFault("systemctl unmask kubelet && systemctl enable --now kubelet", "the node is stopped, and kubelet.service is masked"))
		return lines
	case stopped && v.Guard.Idle():
		add(host.NewFault(node.StartRemedy(false), "the node is stopped"))
	case known && stopped, v.Guard.Up():
	case v.Guard.Sub == "auto-restart":
		add(host.NewFault("fix the cause; the guard retries every few seconds: systemctl status kubelet", "the node does not start: %s", v.Guard.Status))
	case v.Guard.Idle():
		add(host.NewFault(node.StartRemedy(true), "kubelet.service, which guards the node, is not running"))
	default:
		add(host.NewFault("wait for it: systemctl status kubelet", "kubelet.service is %s: %s", v.Guard.Active, v.Guard.Status))
	}
	if f := NotAtBoot(v.GuardFile); f != nil {
		add(f)
	}
	return lines
}

// NotAtBoot returns the fault of a kubelet.service that does not start the node
// at boot, or nil.
func NotAtBoot(guard host.UnitFileState) *host.Fault {
	switch {
	case strings.HasPrefix(string(guard), "masked"):
		return host.NewFault("systemctl unmask kubelet && systemctl enable kubelet", "kubelet.service is masked: the node does not start at boot")
	case guard == "disabled":
		return host.NewFault("systemctl enable kubelet", "kubelet.service is disabled: the node does not start at boot")
	case guard == "":
		return host.NewFault("podsec-k8s host apply", "kubelet.service does not exist")
	}
	return nil
}

// servicePorts corrects what the node believes of its ports by what the
// root service publishes.
func (v HostView) servicePorts(lines []PortStatus) []PortStatus {
	for i, line := range lines {
		if line.Fault.Empty() && line.Forwarded != 0 && !v.Published[line.Port] {
			lines[i].Fault = message.Of("it is not published")
		}
	}
	return lines
}

// Troubled lists the services of the node whose own last error is worth
// knowing.
func (o Status) Troubled() (lines []UnitStatus) {
	for _, u := range o.Units {
		if !u.Fault.Empty() && u.State != "inactive" && u.State != stateWaiting && u.State != stateSkipped && isNodeUnit(u.Unit) {
			lines = append(lines, u)
		}
	}
	return lines
}

// Ended reports whether the service has ended by itself.
func (u UnitStatus) Ended() bool { return u.State == stateRestarting || u.State == "failed" }

// nodeUnit is the form of the names of the node's services.
var nodeUnit = regexp.MustCompile(`u7s-[a-z]+(-[a-z]+)*\.service`)

// isNodeUnit tells a name that may be one of the node's services from any
// other text: it comes from u7s-admin.
func isNodeUnit(name string) bool { return nodeUnit.FindString(name) == name && name != "" }

// WithErrors adds the last errors of units, by their names.
func (o Status) WithErrors(errors map[string]string) Status {
	for i, u := range o.Units {
		if text := errors[u.Unit]; text != "" {
			o.Units[i].Error = text
		}
	}
	return o
}

// UnitIn returns the first of the node's services that a text names, or "".
func UnitIn(text string) string { return nodeUnit.FindString(text) }

// LogOf says where the whole log of a unit is.
func LogOf(unit string) string {
	return fmt.Sprintf("journalctl _SYSTEMD_USER_UNIT=%s -n 50 --no-pager", unit)
}
