package services

import (
	"context"
	"strings"

	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A Service is one service of a node: what is to know of it beside its unit file.
type Service struct {
	Unit     string // in units/user
	Program  string // that has to be installed; "" for this program
	Network  bool   // the phases of the pod network start it
	Manifest string // the name of kubeadm's manifest, for a part of the control plane

	// Absent reports whether the machine does without, for a package of its own is not
	// installed. Nil is never.
	Absent func() bool

	// Run is what podsec-k8s unit NAME does. There is none where the unit file
	// has the whole command: podsec-k8s unit enter PROGRAM.
	Run func(context.Context, node.Node) error

	// Health says how the service can be asked whether it works, if it can be now.
	Health func(node.Node) (p Probe, known bool)
}

// Name is the NAME of a unit u7s-NAME.service.
func (s Service) Name() string {
	return strings.TrimSuffix(strings.TrimPrefix(s.Unit, "u7s-"), ".service")
}

func (s Service) absent() bool { return s.Absent != nil && s.Absent() }
