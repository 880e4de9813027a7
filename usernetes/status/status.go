package status

import (
	"regexp"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// States of a node.
const (
	StateNone       = "none"       // there is no node on this machine
	StateUnfinished = "unfinished" // it is being made, or was left half made
	StateStopped    = "stopped"    // nothing of it runs
	StateRunning    = "running"    // something of it runs
	StateRemoved    = "removed"    // another machine has removed it from its cluster
)

// A Status is how the node of this machine is.
type Status struct {
	State                     string `json:"state"` // one of the above
	Name, Address, Kubernetes string // empty when there is no node
	Network                   string // the mode
	Master                    bool
	Units                     []UnitStatus
	Ports                     []PortStatus
	Faults                    []node.Problem // of the node as a whole
	Warnings                  []node.Problem // what may trouble it later
}

// An UnitStatus is one service of the node.
type UnitStatus struct {
	Unit  string
	State message.Format // systemd's word, or waiting, restarting, skipped, not answering
	Fault message.Text   // why it is not well, nothing when it is
	Error string         // its own last error, "" when that is not known
	Since time.Time      `json:",omitzero"` // when its main process started last
}

// A PortStatus is one port of the node's address.
type PortStatus struct {
	Port  string       // such as 6443/tcp
	For   message.Text // whom it serves
	Fault message.Text // why it is not open, nothing when it is
	Note  message.Text // what is different from a rootful node though it is open

	Forwarded int // to that port of the namespaces, by the machine's kernel; 0 when a program does
}

// unitName is the form of a unit's name. Source: systemd.unit(5).
var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.@\\-]{1,255}$`)

// Check reports whether the names of units are some: commands that root is told to
// run are made of them. Root asks this of what u7s-admin hands it.
func (o Status) Check() error {
	for _, u := range o.Units {
		if !unitName.MatchString(u.Unit) {
			return message.Errorf("the node reports a unit that is not its own: %q", u.Unit)
		}
	}
	return nil
}

// Healthy reports whether everything is as it should be.
func (o Status) Healthy() bool {
	return o.State == StateRunning && len(o.Faults) == 0 &&
		!slices.ContainsFunc(o.Units, func(u UnitStatus) bool { return !u.Fault.Empty() }) &&
		!slices.ContainsFunc(o.Ports, func(p PortStatus) bool { return !p.Fault.Empty() })
}
