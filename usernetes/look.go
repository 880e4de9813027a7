package usernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
)

// nodeFacts is what was found out about the node of this machine. The cluster
// and the ports are asked only when something of the node runs.
type nodeFacts struct {
	node    Node
	steps   steps
	moved   *host.Fault // the machine has another address
	left    error       // kubeadm reset has taken the node from its cluster
	parts   []part
	cluster []error         // what the cluster says against the node, and what is wrong with the ways to the others
	ports   publishedPorts  // that Services and Pods ask for
	open    map[string]bool // the ports that RootlessKit's driver has open; nil when it was not asked
	openErr error           // why that is not known
	noted   []FaultLine     // what the node's services have left word of
	warned  []FaultLine     // the same, of what may trouble it later
	now     time.Time
}

// LookOver looks at the node of this machine, as u7s-admin.
func LookOver(ctx context.Context) (Overview, error) {
	n, err := LoadNode()
	if isMissing(err) {
		return overviewOfNone(host.Exists(stateGone)), nil
	}
	if err != nil {
		return Overview{}, err
	}
	f, err := gatherNodeFacts(ctx, n)
	return f.overview(), err
}

// overviewOfNone is that of a machine without a node. There may be what a reset
// that was cut has still to delete.
func overviewOfNone(left bool) Overview {
	if !left {
		return Overview{State: StateNone}
	}
	return Overview{State: StateUnfinished, Faults: []FaultLine{faultLine(steps{Resetting: true}.halfReset())}}
}

func gatherNodeFacts(ctx context.Context, n Node) (f nodeFacts, err error) {
	f.node, f.now = n, time.Now()
	if f.steps, err = loadSteps(); err != nil {
		return f, err
	}
	_, f.left = Finished()
	f.moved = checkAddress(n, hostAddresses())
	manager, err := userManager(ctx)
	if err != nil {
		return f, err
	}
	defer manager.Close()
	if f.parts, err = lookAtParts(ctx, manager, n); err != nil {
		return f, err
	}
	if allStopped(f.parts) || f.moved != nil || f.left != nil {
		return f, nil // the rest follows from that
	}
	if f.steps.Finished {
		f.cluster = clusterFaults(ctx, n)
	}
	if err := notePorts.load(&f.ports); err != nil && !isMissing(err) {
		return f, fmt.Errorf("reading the ports: %w", err)
	}
	f.open, f.openErr = listOpenPorts(ctx, n)
	limited, warnings := siteFindings(ctx, n)
	f.noted = slices.Concat(manifestFaults(), netFaults(), limited)
	f.warned = append(warnings, hostFileWarnings()...)
	return f, nil
}

// clusterFaults asks the cluster for this node and for the others, and tries
// the way to them.
func clusterFaults(ctx context.Context, n Node) (faults []error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
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
	for _, f := range checkPaths(ctx, n.largestPacket(), others) {
		faults = append(faults, f)
	}
	return faults
}

// listOpenPorts asks RootlessKit's port driver which of the node's ports are
// open.
func listOpenPorts(ctx context.Context, n Node) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	list, err := newPortDriver(n).list(ctx)
	open := map[string]bool{}
	for _, p := range list {
		open[p.key] = true
	}
	return open, err
}

// overview decides what the facts come to.
func (f nodeFacts) overview() Overview {
	n := f.node
	o := Overview{
		State: f.state(), Name: n.Name, Address: n.IP.String(), Kubernetes: n.Kubernetes, Network: n.mode(), Master: n.APIPort != 0,
	}
	o.Faults, o.Warnings = f.faults(), f.warned
	for _, p := range f.parts {
		line := p.line(f.now)
		if o.State == StateStopped && line.State == "inactive" {
			line.Fault = "" // there is one for all of them
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
	case !f.steps.Finished:
		return StateUnfinished
	case allStopped(f.parts):
		return StateStopped
	default:
		return StateRunning
	}
}

func (f nodeFacts) faults() (lines []FaultLine) {
	switch {
	case f.moved != nil:
		return []FaultLine{faultLine(f.moved)}
	case f.left != nil:
		return []FaultLine{faultLine(f.left)}
	case !f.steps.Finished:
		return []FaultLine{faultLine(f.steps.unfinished())}
	}
	for _, err := range f.cluster {
		lines = append(lines, faultLine(err))
	}
	if f.ports.Fault != "" {
		lines = append(lines, FaultLine{Fault: host.Printable("publishing ports: " + f.ports.Fault)})
	}
	if f.openErr != nil {
		lines = append(lines, faultLine(f.openErr))
	}
	return append(lines, f.noted...)
}

// portLines lists the node's own ports, then those of its cluster.
func (f nodeFacts) portLines() (lines []PortLine) {
	var all []port
	for _, p := range published(f.node) {
		all = append(all, port{Proto: p.proto, Number: p.port})
	}
	for _, p := range append(all, f.ports.Ports...) {
		line := PortLine{Port: p.key(), For: p.Owner.String(), Fault: p.Fault, Note: p.Note}
		switch ofMachine := p.Owner == (object{}) && p.Number == vxlanPort; {
		case !f.node.keepsSource(p):
			line.Fault = cmp.Or(p.Fault, f.unpublished(p))
		case !ofMachine:
			line.Forwarded = p.target() // by the root service, which root asks
		}
		lines = append(lines, line)
	}
	return lines
}

// unpublished says why a port that should be open at RootlessKit's driver is
// not; "" when it is.
func (f nodeFacts) unpublished(p port) string {
	switch {
	case f.openErr != nil:
		return "what publishes it does not answer"
	case f.open != nil && !f.open[p.key()]:
		return "it is not published"
	default:
		return ""
	}
}
