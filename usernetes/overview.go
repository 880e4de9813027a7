package usernetes

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/units"
)

// lookTime bounds what is asked of the cluster and of other nodes.
const lookTime = 5 * time.Second

// An Overview is how the node of this machine is.
type Overview struct {
	Name, Address, Kubernetes string // empty when there is no node
	Network                   string // the mode
	Master                    bool
	Units                     []UnitLine
	Ports                     []PortLine
	Faults                    []FaultLine // of the node as a whole
	Warnings                  []FaultLine // what may trouble it later
}

// A FaultLine is what is wrong, and what to do about it, "" when that is not
// known.
type FaultLine struct{ Fault, Remedy string }

// A UnitLine is one service of the node.
type UnitLine struct{ Unit, State string }

// A PortLine is one port of the node's address.
type PortLine struct {
	Port  string // such as 6443/tcp
	For   string // whom it serves
	Fault string // why it is not open, "" when it is
	Note  string // what is different from a rootful node though it is open

	Forwarded int // to that port of the namespaces, by the machine's kernel; 0 when a program does
}

// Healthy tells whether everything is as it should be.
func (o Overview) Healthy() bool {
	return len(o.Faults) == 0 &&
		!slices.ContainsFunc(o.Units, func(u UnitLine) bool { return u.State != "active" }) &&
		!slices.ContainsFunc(o.Ports, func(p PortLine) bool { return p.Fault != "" })
}

// LookOver looks at the node of this machine, as u7s-admin.
func LookOver(ctx context.Context) (Overview, error) {
	n, err := LoadNode()
	if errors.Is(err, fs.ErrNotExist) {
		return Overview{}, nil
	}
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Name: n.Name, Address: n.IP.String(), Kubernetes: n.Kubernetes, Network: n.mode(), Master: n.APIPort != 0}
	o.Faults = append(nodeFaults(ctx, n), manifestFaults()...)
	limited, warnings := siteFindings(ctx, n)
	o.Faults, o.Warnings = append(o.Faults, limited...), warnings
	if o.Units, err = unitLines(ctx); err != nil {
		return o, err
	}
	o.Faults = append(o.Faults, netFaults()...)
	ports, err := loadPorts()
	if ports.Fault != "" {
		o.Faults = append(o.Faults, FaultLine{Fault: "publishing ports: " + ports.Fault})
	}
	o.Ports = portLines(n, ports.Ports)
	return o, err
}

// nodeFaults looks at the node's address, its cluster, and the way to the
// other nodes.
func nodeFaults(ctx context.Context, n Node) (lines []FaultLine) {
	if moved := checkAddress(n, hostAddresses()); moved != nil {
		return []FaultLine{faultLine(moved)} // the rest follows from that
	}
	if _, err := Finished(); err != nil {
		return []FaultLine{faultLine(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	others, err := peers(ctx, n)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a node that has not joined yet has no identity
		lines = append(lines, faultLine(err))
	}
	for _, f := range checkPaths(ctx, n.largestPacket(), others) {
		lines = append(lines, faultLine(f))
	}
	return lines
}

func faultLine(err error) FaultLine {
	line := FaultLine{Fault: err.Error()}
	var known *host.Fault
	if errors.As(err, &known) {
		line.Remedy = known.Remedy
	}
	return line
}

// unitLines lists the services that this node is to have.
func unitLines(ctx context.Context) (lines []UnitLine, err error) {
	manager, err := userManager(ctx)
	if err != nil {
		return nil, err
	}
	defer manager.Close()
	names := []string{units.RootlessKit, units.CRIO, units.Kubelet, units.Flanneld, units.KubeProxy, units.Ports}
	for _, name := range components() {
		if _, err := readManifest(name); err == nil {
			names = append(names, units.Component(name))
		}
	}
	for _, name := range names {
		s, err := manager.State(ctx, name)
		if err != nil {
			return nil, err
		}
		lines = append(lines, UnitLine{name, s.Active})
	}
	return lines, nil
}

// portLines lists the node's own ports, then those of its cluster.
func portLines(n Node, ports []port) (lines []PortLine) {
	var all []port
	for _, p := range published(n) {
		all = append(all, port{Proto: p.proto, Number: p.port})
	}
	for _, p := range append(all, ports...) {
		line := PortLine{Port: p.key(), For: p.Owner.String(), Fault: p.Fault, Note: p.Note}
		ofMachine := p.Owner == (object{}) && p.Number == vxlanPort
		if n.keepsSource(p) && !ofMachine {
			line.Forwarded = p.target()
		}
		lines = append(lines, line)
	}
	return lines
}

// checkAddress tells when the machine no longer has the address that the
// node was made with: its certificates name it, and other nodes know it.
func checkAddress(n Node, addresses []netip.Prefix) *host.Fault {
	if slices.ContainsFunc(addresses, func(p netip.Prefix) bool { return p.Addr() == n.IP }) {
		return nil
	}
	return fault("give the machine that address again, or make the node anew: podsec-k8s reset",
		"the node was made with the address %s, which this machine no longer has", n.IP)
}
