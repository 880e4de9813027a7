package status

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/ports"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// nodeFacts is what was found out about the node of this machine. The cluster
// and the ports are asked only when something of the node runs.
type nodeFacts struct {
	node    node.Node
	steps   steps.Steps
	moved   *host.Fault // the machine has another address
	left    error       // kubeadm reset has taken the node from its cluster
	removed error       // another machine has done so
	half    error       // its address is only half changed
	parts   []Part
	cluster []error         // what the cluster says against the node, and what is wrong with the ways to the others
	ports   ports.Report    // that Services and Pods ask for
	open    map[string]bool // the ports that RootlessKit's driver has open; nil when it was not asked
	openErr error           // why that is not known
	noted   []node.Problem  // what the node's services have left word of
	warned  []node.Problem  // the same, of what may trouble it later
	certs   []node.Problem  // certificates that are of no use any more
	now     time.Time
}

// Get looks at the node of this machine, as u7s-admin.
func Get(ctx context.Context) (Status, error) {
	n, err := node.LoadNode()
	if node.IsMissing(err) {
		return overviewOfNone(host.Exists(node.GoneStateDir)), nil
	}
	if err != nil {
		return Status{}, err
	}
	f, err := gatherNodeFacts(ctx, n)
	return f.overview(), err
}

// overviewOfNone is that of a machine without a node. There may be what a reset
// that was cut has still to delete.
func overviewOfNone(left bool) Status {
	if !left {
		return Status{State: StateNone}
	}
	return Status{State: StateUnfinished, Faults: []node.Problem{node.NewProblem(steps.Steps{Resetting: true}.HalfReset())}}
}

func gatherNodeFacts(ctx context.Context, n node.Node) (f nodeFacts, err error) {
	f.node, f.now = n, time.Now()
	if f.steps, err = steps.LoadSteps(); err != nil {
		return f, err
	}
	_, f.left = steps.Finished()
	f.removed = steps.Removed()
	f.half = steps.HalfMoved()
	f.moved = node.CheckAddress(n, node.HostAddresses())
	f.certs, f.warned = certFindings(f.now)
	manager, err := node.UserManager(ctx)
	if err != nil {
		return f, err
	}
	defer manager.Close()
	if f.parts, err = LookAtParts(ctx, manager, n); err != nil {
		return f, err
	}
	if allStopped(f.parts) || f.moved != nil || f.left != nil {
		return f, nil // the rest follows from that
	}
	if f.steps.Finished {
		f.cluster = clusterFaults(ctx, n)
	}
	if err := node.NotePorts.Load(&f.ports); err != nil && !node.IsMissing(err) {
		return f, message.Errorf("reading the ports: %w", err)
	}
	f.open, f.openErr = listOpenPorts(ctx, n)
	limited, warnings := siteFindings(ctx, n)
	f.noted = slices.Concat(staticpod.ManifestFaults(), namespace.NetFaults(), limited)
	f.warned = slices.Concat(f.warned, warnings, namespace.HostFileWarnings())
	return f, nil
}

// clusterFaults asks the cluster for this node and for the others, and tries
// the way to them.
func clusterFaults(ctx context.Context, n node.Node) (faults []error) {
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	api, err := ownAPI(n)
	if err == nil {
		err = askOwnNode(ctx, api, n)
	}
	if err != nil {
		faults = append(faults, err)
	}
	var known *host.Fault
	if err != nil && !errors.As(err, &known) {
		return faults // who does not answer has nothing to say of the others either
	}
	others, err := peers(ctx, api, n)
	if err != nil {
		return append(faults, err)
	}
	for _, f := range checkPaths(ctx, max(n.Mode().MTU(n), smallEcho), others) {
		faults = append(faults, f)
	}
	return faults
}

// listOpenPorts asks RootlessKit's port driver which of the node's ports are
// open.
func listOpenPorts(ctx context.Context, n node.Node) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	list, err := portdriver.New(n).List(ctx)
	open := map[string]bool{}
	for _, p := range list {
		open[p.Key] = true
	}
	return open, err
}

// overview decides what the facts come to.
func (f nodeFacts) overview() Status {
	n := f.node
	o := Status{
		State: f.state(), Name: n.Name, Address: n.IP.String(), Kubernetes: n.Kubernetes, Network: n.Mode().Name, Master: n.APIPort != 0,
	}
	o.Faults, o.Warnings = f.faults(), f.warned
	for _, p := range f.parts {
		line := p.line(f.now)
		if (o.State == StateStopped || o.State == StateRemoved) && line.State == "inactive" {
			line.Fault = message.Text{} // there is one for all of them
		}
		o.Units = append(o.Units, line)
	}
	if o.State != StateStopped && f.left == nil && f.moved == nil {
		o.Ports = f.portLines()
	}
	return o
}

func (f nodeFacts) state() string {
	switch {
	case f.removed != nil:
		return StateRemoved
	case !f.steps.Finished:
		return StateUnfinished
	case allStopped(f.parts):
		return StateStopped
	default:
		return StateRunning
	}
}

func (f nodeFacts) faults() (lines []node.Problem) {
	switch {
	case f.removed != nil:
		return []node.Problem{node.NewProblem(f.removed)}
	case f.half != nil:
		return []node.Problem{node.NewProblem(f.half)}
	case f.moved != nil:
		return []node.Problem{node.NewProblem(f.moved)}
	case f.left != nil:
		return []node.Problem{node.NewProblem(f.left)}
	case !f.steps.Finished:
		return []node.Problem{node.NewProblem(f.steps.Unfinished())}
	}
	lines = append(lines, f.certs...) // what else is wrong may come of them
	for _, err := range f.cluster {
		lines = append(lines, node.NewProblem(err))
	}
	if !f.ports.Fault.Empty() {
		lines = append(lines, node.Problem{Fault: message.Of("publishing ports: %s", f.ports.Fault)})
	}
	if f.openErr != nil {
		lines = append(lines, node.NewProblem(f.openErr))
	}
	return append(lines, f.noted...)
}

// portLines lists the node's own ports, then those of its cluster.
func (f nodeFacts) portLines() (lines []PortStatus) {
	for _, p := range append(portdriver.FixedPorts(f.node), f.ports.Ports...) {
		line := PortStatus{Port: p.Key(), For: p.Owner.Say(), Fault: p.Fault, Note: p.Note}
		switch ofMachine := p.Owner == (kubeapi.Object{}) && p.Number == node.VXLANPort; {
		case !portdriver.ByRoot(f.node, p):
			if line.Fault.Empty() {
				line.Fault = f.unpublished(p)
			}
		case !ofMachine:
			line.Forwarded = p.TargetPort() // by the root service, which root asks
		}
		lines = append(lines, line)
	}
	return lines
}

// unpublished says why a port that should be open at RootlessKit's driver is
// not; nothing when it is.
func (f nodeFacts) unpublished(p portdriver.Port) message.Text {
	switch {
	case f.openErr != nil:
		return message.Of("the service that publishes it does not answer")
	case f.open != nil && !f.open[p.Key()]:
		return message.Of("it is not published")
	default:
		return message.Text{}
	}
}
