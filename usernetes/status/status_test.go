package status

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

func TestPartLine(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name  string
		part  Part
		state string
		fault string // a part of it; "" when the part is well
	}{
		{"runs", Part{State: host.UnitState{Active: "active", Sub: "running"}}, "active", ""},
		{"reloads", Part{State: host.UnitState{Active: "reloading"}}, "reloading", ""},
		{"does not answer", Part{State: host.UnitState{Active: "active"}, answer: message.Of("connection refused")}, "not answering", "connection refused"},
		{"stopped", Part{State: host.UnitState{Active: "inactive"}}, "inactive", "it is not running"},
		{"skipped", Part{State: host.UnitState{Active: "inactive", Unmet: "ConditionUser=x"}}, "skipped", "ConditionUser=x is not met"},
		{"skipped before, and to be started", Part{State: host.UnitState{Active: "inactive", Unmet: "ConditionUser=x", Waits: true}}, "waiting", "waits for other services"},
		{"failed", Part{State: host.UnitState{Active: "failed", Result: "signal"}}, "failed", "(signal)"},
		{"comes up", Part{State: host.UnitState{Active: "activating", Sub: "start"}}, "activating", "not started yet"},
		{"has ended for the first time", Part{State: host.UnitState{Active: "activating", Sub: "auto-restart"}}, "restarting", "it has ended, and systemd will start it again"},
		{"between two lives", Part{State: host.UnitState{Active: "activating", Sub: "auto-restart", Restarts: 7}}, "restarting", "7 times"},
		{"comes up once more", Part{State: host.UnitState{Active: "activating", Sub: "start", Restarts: 1}}, "restarting", "1 time"},
		{"runs since a second, once more", Part{State: host.UnitState{Active: "active", Restarts: 5, Started: now.Add(-time.Second)}}, "restarting", "5 times"},
		{"was restarted long ago", Part{State: host.UnitState{Active: "active", Restarts: 5, Started: now.Add(-time.Hour)}}, "active", ""},
		{"was killed once, just now", Part{State: host.UnitState{Active: "active", Restarts: 1, Started: now.Add(-time.Second)}}, "active", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := c.part.line(now)
			if string(line.State) != c.state || (line.Fault.Empty()) != (c.fault == "") || !strings.Contains(line.Fault.String(), c.fault) {
				t.Errorf("got %+v", line)
			}
		})
	}
}

// A statusCase is a node, what root sees of it, and what status is to say.
type statusCase struct {
	name    string
	facts   nodeFacts
	view    HostView
	state   string
	healthy bool
	faults  []string // parts of the faults, in their order
	remedy  string   // a part of the first one's
	ports   string   // a part of the first port's fault; "-" for no ports at all
}

func statusCases() []statusCase {
	up := host.UnitState{Active: "active", Sub: "running"}
	down := host.UnitState{Active: "inactive", Sub: "dead"}
	n := node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), APIPort: 6443}
	done := steps.Steps{Finished: true}
	parts := func(s host.UnitState) []Part {
		return []Part{{Unit: units.RootlessKit, State: s}, {Unit: units.Kubelet, State: s}, {Unit: units.Manifests, State: s}}
	}
	open := map[string]bool{"10250/tcp": true, "8472/udp": true, "6443/tcp": true}
	runs := nodeFacts{node: n, steps: done, parts: parts(up), open: open}
	stops := nodeFacts{node: n, steps: done, parts: parts(down)}
	guarded := HostView{Guard: up, GuardFile: "enabled"}
	with := func(f nodeFacts, change func(*nodeFacts)) nodeFacts {
		change(&f)
		return f
	}
	return []statusCase{
		{"well", runs, guarded, StateRunning, true, nil, "", ""},
		{"stopped", stops, HostView{Guard: down, GuardFile: "enabled"}, StateStopped, false, []string{"the node is stopped"}, "systemctl start kubelet", "-"},
		{"its services stopped by hand", stops, guarded, StateStopped, false, []string{"kubelet.service was not"}, "systemctl stop kubelet; systemctl start kubelet", "-"},
		{"the namespaces stopped by hand", with(stops, func(f *nodeFacts) {
			f.parts = append(parts(down)[:2], Part{Unit: units.Manifests, State: up})
		}), guarded, StateStopped, false, []string{"kubelet.service was not"}, "systemctl stop kubelet; systemctl start kubelet", "-"},
		{"stopped and masked", stops, HostView{Guard: down, GuardFile: "masked"}, StateStopped, false, []string{"is stopped, and kubelet.service is masked"}, "systemctl unmask kubelet", "-"},
		{"stopped and disabled", stops, HostView{Guard: down, GuardFile: "disabled"}, StateStopped, false, []string{"the node is stopped", "is disabled"}, "systemctl start kubelet", "-"},
		{"does not start", stops, HostView{Guard: host.UnitState{Active: "activating", Sub: "auto-restart", Status: "no slirp4netns"}, GuardFile: "enabled"}, StateStopped, false, []string{"does not start: no slirp4netns"}, "systemctl status kubelet", "-"},
		{"starts", stops, HostView{Guard: host.UnitState{Active: "activating", Sub: "start", Status: "starting the node"}, GuardFile: "enabled"}, StateStopped, false, []string{"is activating: starting the node"}, "wait", "-"},
		{"stopped and masked until the next boot", stops, HostView{Guard: down, GuardFile: "masked-runtime"}, StateStopped, false, []string{"is stopped, and kubelet.service is masked"}, "systemctl unmask kubelet", "-"},
		{"its address is gone", with(stops, func(f *nodeFacts) { f.moved = host.NewFault("reset", "no longer has") }), HostView{Guard: host.UnitState{Active: "activating"}, GuardFile: "enabled"}, StateStopped, false, []string{"no longer has"}, "reset", "-"},
		{"the guard is disabled", runs, HostView{Guard: up, GuardFile: "disabled"}, StateRunning, false, []string{"is disabled"}, "systemctl enable kubelet", ""},
		{"the guard is masked", runs, HostView{Guard: up, GuardFile: "masked"}, StateRunning, false, []string{"is masked"}, "systemctl unmask kubelet", ""},
		{"there is no guard", runs, HostView{Guard: down}, StateRunning, false, []string{"is not running", "kubelet.service does not exist"}, "systemctl stop kubelet; systemctl start kubelet", ""},
		{"the guard has failed", runs, HostView{Guard: host.UnitState{Active: "failed"}, GuardFile: "enabled"}, StateRunning, false, []string{"is not running"}, "systemctl stop kubelet; systemctl start kubelet", ""},
		{"half made", with(runs, func(f *nodeFacts) { f.steps = steps.Steps{Begun: "control-plane"} }), HostView{Guard: down, GuardFile: "enabled"}, StateUnfinished, false, []string{"phase control-plane is not completed"}, "run the same command again", ""},
		{"just begun", with(stops, func(f *nodeFacts) { f.steps = steps.Steps{} }), HostView{Guard: down, GuardFile: "enabled"}, StateUnfinished, false, []string{"no phase is completed"}, "run the same command again", ""},
		{"reset by kubeadm", with(runs, func(f *nodeFacts) { f.left = host.NewFault("take away", "no identity") }), guarded, StateRunning, false, []string{"no identity"}, "take away", "-"},
		{"the Node object is gone", with(runs, func(f *nodeFacts) { f.cluster = []error{host.NewFault("again", "it was deleted")} }), guarded, StateRunning, false, []string{"it was deleted"}, "again", ""},
		{"the publisher can't", with(runs, func(f *nodeFacts) { f.ports.Fault = message.Of("refused\nby the API") }), guarded, StateRunning, false, []string{"publishing ports: refused\nby the API"}, "", ""},
		{"a port that is not open", with(runs, func(f *nodeFacts) { f.open = map[string]bool{"8472/udp": true, "6443/tcp": true} }), guarded, StateRunning, false, nil, "", "not published"},
		{"the driver does not answer", with(runs, func(f *nodeFacts) { f.open, f.openErr = nil, errors.New("listing open ports: refused") }), guarded, StateRunning, false, []string{"listing open ports"}, "", "does not answer"},
		{"veth", with(runs, func(f *nodeFacts) { f.open, f.node.Network = nil, node.VethMode }), HostView{
			Guard: up, GuardFile: "enabled", Net: []NetUnit{{"podsec-k8s-net.socket", up}}, Published: map[string]bool{"10250/tcp": true, "6443/tcp": true},
		}, StateRunning, true, nil, "", ""},
		{"veth without its ports", with(runs, func(f *nodeFacts) { f.open, f.node.Network = nil, node.VethMode }), HostView{
			Guard: up, GuardFile: "enabled", Net: []NetUnit{{"podsec-k8s-net.service", down}},
		}, StateRunning, false, []string{"podsec-k8s-net.service, which"}, "systemctl restart podsec-k8s-net.service", "not published"},
	}
}

func TestStatusTellsWhatIs(t *testing.T) {
	for _, c := range statusCases() {
		t.Run(c.name, func(t *testing.T) {
			o := c.facts.overview().WithHost(c.view)
			if o.State != c.state || o.Healthy() != c.healthy {
				t.Errorf("state %q, healthy %v", o.State, o.Healthy())
			}
			if len(o.Faults) != len(c.faults) {
				t.Fatalf("faults: %+v", o.Faults)
			}
			for i, want := range c.faults {
				if !strings.Contains(o.Faults[i].Fault.String(), want) {
					t.Errorf("fault %q, want %q", o.Faults[i].Fault, want)
				}
			}
			if len(c.faults) > 0 && !strings.Contains(o.Faults[0].Remedy.String(), c.remedy) {
				t.Errorf("remedy %q, want %q", o.Faults[0].Remedy, c.remedy)
			}
			checkPortLines(t, o.Ports, c.ports)
			if o.Units[0].Unit != units.Guard {
				t.Errorf("the first unit is %s", o.Units[0].Unit)
			}
		})
	}
}

func checkPortLines(t *testing.T, ports []PortStatus, want string) {
	t.Helper()
	switch {
	case want == "-":
		if len(ports) != 0 {
			t.Errorf("ports of a node that does not run: %+v", ports)
		}
	case len(ports) == 0:
		t.Error("no ports")
	case (ports[0].Fault.Empty()) != (want == "") || !strings.Contains(ports[0].Fault.String(), want):
		t.Errorf("port: %+v, want %q", ports[0], want)
	}
}

func TestNoNode(t *testing.T) {
	o := Status{State: StateNone}.WithHost(HostView{})
	if o.Healthy() || len(o.Units)+len(o.Faults)+len(o.Ports) > 0 {
		t.Errorf("%+v", o)
	}
}

// TestTroubled: only a unit of ours whose own words matter is asked for them,
// and no other name reaches the journal.
func TestTroubled(t *testing.T) {
	o := Status{Units: []UnitStatus{
		{Unit: "u7s-crio.service", State: "active"},
		{Unit: "u7s-etcd.service", State: "failed", Fault: message.Of("x")},
		{Unit: "u7s-ports.service", State: "inactive", Fault: message.Of("x")},
		{Unit: "u7s-kube-proxy.service", State: "skipped", Fault: message.Of("x")},
		{Unit: "u7s-kube-apiserver.service", State: "restarting", Fault: message.Of("x")},
		{Unit: "u7s-x.service --since=1", State: "failed", Fault: message.Of("x")},
		{Unit: "sshd.service", State: "failed", Fault: message.Of("x")},
		{Unit: "-u7s-etcd.service", State: "failed", Fault: message.Of("x")},
		{Unit: "", State: "failed", Fault: message.Of("x")},
	}}
	var names []string
	for _, u := range o.Troubled() {
		names = append(names, u.Unit)
	}
	if !slices.Equal(names, []string{"u7s-etcd.service", "u7s-kube-apiserver.service"}) {
		t.Errorf("got %q", names)
	}
	if o = o.WithErrors(map[string]string{"u7s-etcd.service": "no disk"}); o.Units[1].Error != "no disk" || o.Units[0].Error != "" {
		t.Errorf("got %+v", o.Units)
	}
}

// TestHalfReset: from the moment when etcd may have let a finished node's member
// go, or kubeadm reset has begun, there is no way back.
func TestHalfReset(t *testing.T) {
	urls := []string{"https://192.0.2.1:2379"}
	for _, c := range []struct {
		name string
		s    steps.Steps
		want bool
	}{
		{"made", steps.Steps{Finished: true}, false},
		{"half made", steps.Steps{Begun: steps.PhaseJoin}, false},
		{"half made, and its member let go", steps.Steps{Begun: steps.PhaseJoin, Leaving: urls}, false},
		{"leaves", steps.Steps{Finished: true, Leaving: urls}, true},
		{"reset", steps.Steps{Finished: true, Resetting: true}, true},
		{"half made, and reset", steps.Steps{Begun: steps.PhaseInit, Resetting: true}, true},
	} {
		if got := c.s.HalfReset() != nil; got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if o := overviewOfNone(true); o.State != StateUnfinished || len(o.Faults) != 1 || o.Faults[0].Remedy.Empty() || o.Healthy() {
		t.Errorf("half deleted: %+v", o)
	}
	if o := overviewOfNone(false); o.State != StateNone {
		t.Errorf("no node: %+v", o)
	}
}

// TestStatusCheck: root names no unit in a command that is none.
func TestStatusCheck(t *testing.T) {
	for name, ok := range map[string]bool{"u7s-etcd.service": true, "a@b\\x2d.service": true, "": false, "a; reboot": false, strings.Repeat("a", 256): false} {
		if err := (Status{Units: []UnitStatus{{Unit: name}}}).Check(); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
